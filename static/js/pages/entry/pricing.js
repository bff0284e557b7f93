// What models cost here, for everybody: searched, by vendor, for one's group; a row opens all its prices and a calculator.
import { computed, onMounted, watch } from "vue";
import { useRoute, useRouter } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { session } from "../../core/session.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Field } from "../../parts/Field.js";
import { Empty, Page } from "../../parts/Page.js";
import { CLASSES, priceColumns } from "./pricing/columns.js";
import { ModelDrawer } from "./pricing/ModelDrawer.js";
import { scaled } from "./pricing/rates.js";

const FILTERS = { search: "", vendor: "", group: "" };
const TOKENS = CLASSES.slice(0, CLASSES.indexOf("characters"));
/** Two prices of one model are two rows. */
const keyed = (rows) => rows.map((row, at) => ({ ...row, key: rows.findIndex(({ model }) => model === row.model) === at ? row.model : `${row.model}#${at}` }));

function usePricing() {
  const { data, error, busy, run } = useLoad(async (signal) => {
    const answer = await api.get("/api/pricing", {}, { signal });
    return { ...answer, data: keyed(answer.data) };
  });
  onMounted(run);
  watch(() => session.user?.id, run);
  const rows = computed(() => data.value?.data ?? []);
  const groups = computed(() => data.value?.groups ?? []);
  const vendors = computed(() => [...new Set(rows.value.map(({ vendor }) => vendor))].filter(Boolean).sort());
  return { data, rows, groups, vendors, error, busy, run };
}

const lookFor = ({ search, vendor }, group) => (row) =>
  row.groups.includes(group.name) && (!vendor || row.vendor === vendor) && row.model.toLowerCase().includes(search.trim().toLowerCase());

export default {
  name: "Pricing",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery(FILTERS);
    const { data, rows, groups, vendors, error, busy, run } = usePricing();
    const group = computed(() => {
      const named = filter.value.group || data.value?.group;
      return groups.value.find(({ name }) => name === named) ?? groups.value[0] ?? { name: "default", ratio: "1" };
    });
    const shown = computed(() => rows.value.filter(lookFor(filter.value, group.value)).map((row) => scaled(row, group.value.ratio)));
    const opened = computed(() => rows.value.find(({ key }) => key === route.query.model));
    const open = (row) => router.push({ query: { ...route.query, model: row.key } });
    const close = () => router.replace({ query: { ...route.query, model: undefined } });
    const choose = (name, label, options) => html`<${Field} label=${label}>${(own) => html`<select ...${own} name=${name} value=${name === "group" ? group.value.name : filter.value[name]} onChange=${({ target }) => set({ [name]: target.value })}>
      ${options.map(({ value, label: text }) => html`<option key=${value} value=${value}>${text}</option>`)}</select>`}</${Field}>`;
    const bar = () => html`<div class="bar" role="search">
      <${Field} label=${t("pricing.search")}>${(own) => html`<input ...${own} type="search" name="search" spellcheck="false" value=${filter.value.search} onInput=${({ target }) => set({ search: target.value })} />`}</${Field}>
      ${vendors.value.length > 1 ? choose("vendor", t("pricing.vendor"), [{ value: "", label: t("pricing.anyVendor") }, ...vendors.value.map((value) => ({ value, label: value }))]) : null}
      ${groups.value.length > 1 ? choose("group", t("column.group"), groups.value.map(({ name, ratio }) => ({ value: name, label: `${name} \u00d7 ${ratio}` }))) : null}
    </div>`;
    const says = () => [group.value.desc, t("pricing.says", { group: group.value.name, ratio: group.value.ratio })].filter(Boolean).join(" \u00b7 ");
    const empty = () => (isNarrow.value
      ? html`<${Empty} title=${t("pricing.noneFound")}><button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button></${Empty}>`
      : html`<${Empty} title=${t("pricing.none")} text=${t("pricing.noneText")} />`);
    return () => html`<${Page} title=${t("nav.pricing")}>${{
      lead: () => t("pricing.lead"),
      default: () => html`
        ${bar()}
        <${DataTable} name="pricing" caption=${t("nav.pricing")} columns=${priceColumns(rows.value, TOKENS)} rows=${shown.value} rowKey=${(row) => row.key} busy=${busy.value} error=${error.value} retry=${run}
          opens opened=${route.query.model ?? null} onOpen=${open}>${{ empty }}</${DataTable}>
        ${data.value && shown.value.length ? html`<p class="small quiet">${says()}</p>` : null}
        ${opened.value ? html`<${ModelDrawer} key=${opened.value.key} row=${opened.value} group=${group.value} onClose=${close} />` : null}`,
    }}</${Page}>`;
  },
};
