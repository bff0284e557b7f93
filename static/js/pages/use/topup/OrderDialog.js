// One order: what is to be paid, the way to the payer's page, and its state, looked at again while it is open.
import { onMounted } from "vue";
import { RouterLink, useRoute } from "vue-router";
import { t } from "../../../core/i18n.js";
import { useEvery, useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Dialog } from "../../../parts/Dialog.js";
import { Failure, Notice } from "../../../parts/Failure.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { priceText, providerWord } from "../../../parts/OrderState.js";
import { Facts } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";

const EVERY_MS = 3000;
const KINDS = { paid: "good", open: "info" };

/** Emits "turned" when the state is another than before, and "close". */
export const OrderDialog = {
  name: "OrderDialog",
  props: { id: { type: String, required: true } },
  emits: ["close", "turned"],
  setup(props, { emit }) {
    const route = useRoute();
    const { data: order, error, busy, run } = useLoad(async () => (await call.get(`/api/payment/orders/${encodeURIComponent(props.id)}`)).data);
    async function look() {
      const before = order.value?.state;
      const now = (await run())?.state;
      if (before && now !== before) emit("turned");
    }
    onMounted(() => run());
    useEvery(EVERY_MS, async () => { if (["open", "expired"].includes(order.value?.state)) await look(); });
    const missing = () => (error.value?.status === 404 ? { message: t("topup.order.missing") } : error.value);
    const facts = (one) => [
      [t("topup.price"), priceText(one)], [t("topup.credit"), html`<${Money} amount=${one.credit} />`], [t("topup.provider"), providerWord(one)],
      [t("topup.order.until"), one.state === "open" ? html`<${Time} at=${one.expires} />` : null], [t("orders.paid"), one.paid ? html`<${Time} at=${one.paid} />` : null],
      [t("topup.order"), html`<code>${one.id}</code>`],
    ];
    const shown = (one) => html`<${Notice} kind=${KINDS[one.state] ?? "warning"}>${t(`topup.order.${one.state}`)}</${Notice}><${Facts} pairs=${facts(one)} />
      <div class="row end">
        ${one.event ? html`<${RouterLink} class="button" to=${{ query: { ...route.query, order: undefined, event: one.event } }}>${t("orders.event")}</${RouterLink}>` : null}
        ${one.state === "open" && one.pay_url ? html`<a class="button primary" id="paynow" href=${one.pay_url} target="_blank" rel="noopener noreferrer"><${Icon} name="link" />${t("topup.payNow")}</a>` : null}</div>`;
    return () => html`<${Dialog} title=${t("topup.order")} onClose=${() => emit("close")}>
      ${order.value ? shown(order.value) : html`<div aria-busy=${busy.value} />`}
      <${Failure} error=${missing()} retry=${error.value?.status === 404 ? null : look} /></${Dialog}>`;
  },
};
