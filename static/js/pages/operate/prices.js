// The price book: what everything costs, since when, and changing it.
import { computed, onMounted, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { useQuery } from "../../core/query.js";
import { isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { Page } from "../../parts/Page.js";
import { PriceAdd } from "./price_add.js";
import { count } from "./price_draft.js";
import { PriceGroups } from "./price_groups.js";
import { PriceMissing } from "./price_missing.js";
import { PriceModel } from "./price_model.js";
import { Tabs } from "./price_parts.js";
import { PriceProposals } from "./price_proposals.js";
import { PricePublish } from "./price_publish.js";
import { missing, useBook } from "./price_reading.js";
import { PriceTable } from "./price_table.js";
import { PriceVersion } from "./price_version.js";
import { PriceVersions } from "./price_versions.js";

const FIRST = "book";
/** Tables of few columns: as wide as one can read across. */
const MEASURED = new Set(["missing", "draft", "groups"]);
const DEFAULTS = { tab: FIRST, q: "", show: "", edit: "", model: "", version: "" };

export default {
  name: "Prices",
  setup() {
    const { filter, set } = useQuery(DEFAULTS);
    const { data: book, error, busy, run } = useBook();
    const adding = ref(null);
    // On the tab of versions the number opens a drawer; elsewhere it says which version is looked at.
    const looked = computed(() => (filter.value.tab === FIRST ? filter.value.version : ""));
    onMounted(() => run(looked.value));
    watch(looked, () => run(looked.value));
    const again = () => run(looked.value);
    const past = computed(() => book.value && book.value.version !== book.value.inForce);
    const tabs = () => [
      { id: FIRST, label: t("prices.tab.book") }, { id: "missing", label: t("prices.tab.missing"), count: missing(book.value).length },
      ...(isRoot.value ? [{ id: "draft", label: t("prices.tab.draft"), count: count.value }] : []),
      { id: "versions", label: t("prices.tab.versions") }, { id: "proposals", label: t("prices.tab.proposals") }, { id: "groups", label: t("prices.tab.groups") },
    ];
    const add = (model = "") => { adding.value = model; };
    const views = {
      book: () => html`
        ${past.value ? html`<${Notice}>${t("prices.lookingback", { number: book.value.version, now: book.value.inForce })} <a href="#/prices">${t("prices.tonow")}</a></${Notice}>` : null}
        <${PriceTable} book=${book.value} filter=${filter.value} set=${set} onAdd=${() => add()} />`,
      missing: () => html`<${PriceMissing} book=${book.value} onAdd=${add} />`,
      draft: () => html`<${PricePublish} book=${book.value} onPublished=${again} onEdit=${() => set({ tab: FIRST, edit: "1" })} />`,
      versions: () => html`<${PriceVersions} book=${book.value} />`,
      proposals: () => html`<${PriceProposals} book=${book.value} onPublished=${again} />`,
      groups: () => html`<${PriceGroups} book=${book.value} />`,
    };
    const actions = () => html`${count.value && filter.value.tab !== "draft" ? html`<a class="button primary" href="#/prices?tab=draft">${t("prices.lookat", { count: count.value })}</a>` : null}
      ${filter.value.tab === FIRST && !past.value ? html`<button type="button" class="button" onClick=${() => add()}>${t("prices.add")}</button>
      <button type="button" class="button" aria-pressed=${filter.value.edit === "1" ? "true" : "false"} onClick=${() => set({ edit: filter.value.edit === "1" ? "" : "1" })}>${t(filter.value.edit === "1" ? "prices.edited" : "prices.edit")}</button>` : null}`;
    const lead = () => (book.value?.inForce ? t("prices.lead", { number: book.value.inForce, models: book.value.rows.length }) : t("prices.lead.none"));
    const current = () => (filter.value.tab in views ? filter.value.tab : FIRST);
    return () => html`<${Page} title=${t("nav.prices")}>${{
      lead, actions: book.value && isRoot.value ? actions : undefined,
      default: () => html`
        <${Failure} error=${error.value} retry=${again} />
        ${!book.value ? html`<div class="waiting" aria-busy=${busy.value} />` : html`
          <${Tabs} items=${tabs()} current=${current()} first=${FIRST} label=${t("nav.prices")} />
          ${MEASURED.has(current()) ? html`<div class="measure">${views[current()]()}</div>` : views[current()]()}
          ${filter.value.model && current() === FIRST ? html`<${PriceModel} key=${filter.value.model} book=${book.value} model=${filter.value.model} onClose=${() => set({ model: "" })} />` : null}
          ${filter.value.version && current() === "versions" ? html`<${PriceVersion} book=${book.value} version=${Number(filter.value.version)} onClose=${() => set({ version: "" })} onChanged=${again} />` : null}
          ${adding.value === null ? null : html`<${PriceAdd} book=${book.value} model=${adding.value} onClose=${() => { adding.value = null; }} onAdded=${(model) => set({ tab: FIRST, model })} />`}`}`,
    }}</${Page}>`;
  },
};
