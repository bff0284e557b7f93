// One's own orders, newest first.
import { RouterLink, useRoute } from "vue-router";
import { t } from "../../../core/i18n.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { confirm } from "../../../parts/confirm.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Money } from "../../../parts/Money.js";
import { OrderState, priceText, providerWord } from "../../../parts/OrderState.js";
import { Time } from "../../../parts/Time.js";

/** `feed` is one of usePaged. Emits "open" with an order and "turned" when one was ended. */
export const Orders = {
  name: "Orders",
  props: { feed: { type: Object, required: true } },
  emits: ["open", "turned"],
  setup(props, { emit }) {
    const route = useRoute();
    async function end(order) {
      const act = () => call.remove(`/api/payment/orders/${order.id}`);
      if (await confirm({ title: t("topup.end.title", { amount: priceText(order) }), text: t("topup.end.text"), go: t("topup.end"), act })) emit("turned");
    }
    const actions = (order) => (order.state !== "open" ? null : html`<span class="row">
      <button type="button" class="button tiny" onClick=${() => emit("open", order)}>${t("topup.payNow")}</button>
      <button type="button" class="button bare tiny" onClick=${() => end(order)}>${t("topup.end")}</button></span>`);
    const credit = (order) => (order.event ? html`<${RouterLink} to=${{ query: { ...route.query, event: order.event } }}><${Money} amount=${order.credit} /></${RouterLink}>` : html`<${Money} amount=${order.credit} />`);
    const columns = () => [
      { id: "time", label: t("column.created"), class: "two", cell: (order) => html`<${Time} at=${order.created} />` },
      { id: "provider", label: t("topup.provider"), class: "wide", cell: providerWord },
      { id: "price", label: t("topup.price"), number: true, cell: priceText },
      { id: "credit", label: t("topup.credit"), number: true, class: "amount", cell: credit },
      { id: "state", label: t("orders.state"), cell: (order) => html`<${OrderState} state=${order.state} />` },
      { id: "act", label: t("topup.payNow"), silent: true, class: "two", cell: actions },
    ];
    return () => html`<section><h2>${t("topup.orders")}</h2>
      <${DataTable} caption=${t("topup.orders")} columns=${columns()} rows=${props.feed.rows.value} rowKey=${(order) => order.id} busy=${props.feed.busy.value} error=${props.feed.error.value}
        retry=${props.feed.again} more=${props.feed.hasMore.value} onMore=${props.feed.more} opens onOpen=${(order) => emit("open", order)}>${{
          empty: () => html`<p class="quiet none">${t("topup.orders.none")}</p>`,
        }}</${DataTable}></section>`;
  },
};
