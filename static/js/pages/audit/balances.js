// The time machine: what accounts had at a time, as known then or as it took effect by then, and what changed between two times.
import { computed, onMounted, ref, shallowRef, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { useQuery } from "../../core/query.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { Segments } from "../../parts/Field.js";
import { Money } from "../../parts/Money.js";
import { Empty, Page } from "../../parts/Page.js";
import { Account } from "./parts/Account.js";
import { AccountField } from "./parts/AccountField.js";
import { readBalances } from "./parts/then.js";

const DEFAULTS = { at: "", then: "", counts: "recorded", account: "" };
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

/** A moment of the form, which is UTC, as the API takes it; "" is now. */
const instant = (text) => (MOMENT.test(text) ? `${text.length === 16 ? `${text}:00` : text}Z` : "");
const said = (time) => (time ? `${time.slice(0, 19).replace("T", " ")} UTC` : t("balances.now"));

/** The times that are asked for, the earlier one first: the difference is what happened in between. */
function timesOf({ at, then }) {
  const one = instant(at);
  const other = instant(then);
  if (!other) return [one];
  return one && one < other ? [one, other] : [other, one];
}

function columns(times, two) {
  const money = (name) => (row) => html`<${Money} nano=${row[name]} column full signed=${name === "change"} />`;
  return [
    { id: "account", label: t("column.account"), class: "wide two", sort: (row) => row.account, cell: (row) => html`<${Account} of=${row.account} />` },
    { id: "first", label: said(times[0]), number: true, class: "amount", sort: (row) => row.first, cell: money("first") },
    ...(two ? [
      { id: "second", label: said(times[1]), number: true, class: "amount", sort: (row) => row.second, cell: money("second") },
      { id: "change", label: t("balances.change"), number: true, class: "amount", sort: (row) => row.change, cell: money("change") },
    ] : []),
  ];
}

function totals(rows, two, done) {
  const sum = (name) => rows.reduce((all, row) => all + row[name], 0n);
  const names = two ? ["first", "second", "change"] : ["first"];
  const values = Object.fromEntries(names.map((name) => [name, html`<${Money} nano=${sum(name)} column full signed=${name === "change"} />`]));
  return [{ label: t(done ? "balances.total" : "balances.totalSoFar", { count: rows.length }), values }];
}

function controls(filter, set) {
  const moment = (name) => html`<label class="field moment"><span class="name">${t(`balances.${name}`)}</span>
    <input type="datetime-local" step="1" name=${name} value=${filter[name]} onChange=${({ target }) => set({ [name]: target.value })} /></label>`;
  const options = ["recorded", "effective"].map((value) => ({ value, label: t(`balances.${value}`) }));
  return html`<form class="bar" role="search" onSubmit=${(event) => event.preventDefault()}>
    ${moment("at")}
    ${moment("then")}
    <${Segments} label=${t("balances.counts")} options=${options} modelValue=${filter.counts} onUpdate:modelValue=${(counts) => set({ counts })} />
    <${AccountField} modelValue=${filter.account} placeholder=${t("balances.everybody")} onUpdate:modelValue=${(account) => set({ account })} />
  </form>`;
}

function one({ first, second, change }, times, two) {
  const figure = (label, nano, signed, lesser) => html`<div class=${["figure", { lesser }]}><dt>${label}</dt><dd><${Money} nano=${nano} full signed=${signed} /></dd></div>`;
  return html`<dl class="figures-list found" aria-live="polite">
    ${figure(said(times[0]), first, false, two)}
    ${two ? [figure(said(times[1]), second, false, true), figure(t("balances.change"), change, true, false)] : null}</dl>`;
}

export default {
  name: "Balances",
  setup() {
    const { filter, set, clear } = useQuery(DEFAULTS);
    const rows = shallowRef([]);
    const total = ref(null);
    const times = computed(() => timesOf(filter.value));
    const two = computed(() => times.value.length > 1);
    const { error, busy, run } = useLoad(async (signal) => {
      rows.value = [];
      total.value = null;
      const { account, counts } = filter.value;
      await readBalances({ account, times: times.value, counts, signal }, (more, all) => { rows.value = [...rows.value, ...more]; total.value = all; });
    });
    onMounted(run);
    watch(filter, run);
    const done = computed(() => !busy.value && total.value !== null && rows.value.length >= total.value);
    return () => html`<${Page} title=${t("nav.balances")}>${{
      lead: () => t("balances.lead"),
      default: () => html`
        ${controls(filter.value, set)}
        <p class="small quiet prose">${t(`balances.${filter.value.counts}.means`)}</p>
        ${filter.value.account
          ? html`${rows.value.length ? one(rows.value[0], times.value, two.value) : null}<${Failure} error=${error.value} retry=${run} />`
          : html`${busy.value && total.value ? html`<p class="small quiet" role="status">${t("balances.progress", { done: rows.value.length, total: total.value })}</p>` : null}
            <${DataTable} caption=${t("nav.balances")} columns=${columns(times.value, two.value)} rows=${rows.value} rowKey=${(row) => row.account}
              totals=${rows.value.length ? totals(rows.value, two.value, done.value) : []} busy=${busy.value} error=${error.value} retry=${run}>${{
                empty: () => html`<${Empty} title=${t("balances.none")} text=${t("balances.none.hint")}><button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button></${Empty}>`,
              }}</${DataTable}>`}`,
    }}</${Page}>`;
  },
};
