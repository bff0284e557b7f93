// Notices of payments that were refused although their signature is good: somebody has to look.
import { onMounted } from "vue";
import { RouterLink } from "vue-router";
import { t, word } from "../../../core/i18n.js";
import { usePaged } from "../../../core/paged.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { priceText } from "../../../parts/OrderState.js";
import { Empty } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";

const idOf = (row) => JSON.stringify(row);

const columns = () => [
  { id: "at", label: t("column.time"), class: "two", always: true, cell: (row) => html`<${Time} at=${row.at} />` },
  { id: "provider", label: t("orders.provider"), cell: (row) => word("provider", row.provider) },
  { id: "kind", label: t("orders.kind"), cell: (row) => word("ordernotice", row.event ?? "paid") },
  { id: "user", label: t("column.user"), cell: (row) => (row.user_id ? html`<${RouterLink} to=${{ path: "/users", query: { user: row.user_id } }}>#${row.user_id}</${RouterLink}>` : null) },
  { id: "reference", label: t("orders.reference"), class: "clip mono", cell: (row) => row.reference },
  { id: "order", label: t("orders.number"), class: "clip mono", hidden: true, cell: (row) => row.order },
  { id: "why", label: t("orders.why"), class: "loose two", always: true, cell: (row) => row.why },
  { id: "amount", label: t("topup.price"), number: true, cell: (row) => (row.amount ? priceText({ amount: row.amount, currency: row.currency ?? "" }) : null) },
];

export const Refused = {
  name: "Refused",
  setup() {
    const feed = usePaged((page, signal) => call.get("/api/payment/refused", page, { signal }), idOf);
    onMounted(feed.load);
    return () => html`<p class="quiet lead">${t("orders.refused.lead")}</p>
      <${DataTable} name="refused" caption=${t("orders.tab.refused")} columns=${columns()} rows=${feed.rows.value} rowKey=${idOf} busy=${feed.busy.value} error=${feed.error.value}
        retry=${feed.again} more=${feed.hasMore.value} onMore=${feed.more}>${{
          empty: () => html`<${Empty} title=${t("orders.refused.none")} text=${t("orders.refused.none.text")} />`,
        }}</${DataTable}>`;
  },
};
