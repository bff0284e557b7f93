// Models that channels offer and that nobody can be charged for: without a price they are refused.
import { computed } from "vue";
import { t } from "../../core/i18n.js";
import { isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Empty } from "../../parts/Page.js";
import { isChanged } from "./price_draft.js";
import { missing } from "./price_reading.js";

const channels = (row) => row.channels.map(({ id, name }, at) => html`${at ? t("comma") : ""}<a href="#/channels?channel=${id}" key=${id}>${name || id}</a>`);

export const PriceMissing = {
  name: "PriceMissing",
  props: { book: { type: Object, required: true } },
  emits: ["add"],
  setup(props, { emit }) {
    const rows = computed(() => missing(props.book));
    const columns = () => [
      { id: "model", label: t("column.model"), class: "model two", always: true, cell: (row) => row.model },
      { id: "channels", label: t("prices.offeredby"), class: "wide two", always: true, cell: channels },
      { id: "go", label: "", class: "acts", always: true, cell: (row) => (!isRoot.value ? null : isChanged(props.book, row.model) ? html`<span class="tag draft">${t("prices.mark.new")}</span>`
        : html`<button type="button" class="button tiny" onClick=${() => emit("add", row.model)}>${t("prices.give")}</button>`) },
    ];
    return () => html`<p class="quiet">${t("prices.missing.lead")}</p>
      <${DataTable} caption=${t("prices.tab.missing")} columns=${columns()} rows=${rows.value} rowKey=${(row) => row.model}>${{
        empty: () => html`<${Empty} title=${t("prices.missing.none")} text=${t("prices.missing.none.text")} />`,
      }}</${DataTable}>`;
  },
};
