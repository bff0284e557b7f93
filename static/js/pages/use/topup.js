// More credit: by code, or by paying; what came of one's orders, and which credit ends when.
import { computed, onMounted } from "vue";
import { useRoute, useRouter } from "vue-router";
import { t, word } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { usePaged } from "../../core/paged.js";
import { call, loadBalance, session } from "../../core/session.js";
import { html } from "../../html.js";
import { DataTable } from "../../parts/DataTable.js";
import { Failure } from "../../parts/Failure.js";
import { Money } from "../../parts/Money.js";
import { Figures, Page } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { OrderDialog } from "./topup/OrderDialog.js";
import { Orders } from "./topup/Orders.js";
import { Pay } from "./topup/Pay.js";
import { Redeem } from "./topup/Redeem.js";

/** An order's id at the start of what came back: sites of payment append their own parameters to it. */
const orderIn = (text) => /^[0-9a-z]+/.exec(String(text ?? ""))?.[0] ?? "";

const lotColumns = () => [
  { id: "source", label: t("topup.lot.source"), class: "wide", cell: (lot) => word("lotsource", lot.source) },
  { id: "ends", label: t("topup.lot.ends"), class: "two", cell: (lot) => (lot.expires_at === null ? t("topup.lot.never") : html`<${Time} at=${lot.expires_at} />`) },
  { id: "left", label: t("topup.lot.left"), number: true, class: "amount", cell: (lot) => html`<${Money} amount=${lot.left_usd} down />` },
];

export default {
  name: "TopUp",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const ways = useLoad(async (signal) => (await call.get("/api/payment/ways", {}, { signal })).data);
    const standing = useLoad(async (signal) => (await Promise.all([call.get("/api/user/self", {}, { signal }), loadBalance()]))[0].data);
    const orders = usePaged((page, signal) => call.get("/api/payment/orders", page, { signal }), (order) => order.id);
    onMounted(() => Promise.all([ways.run(), standing.run(), orders.load()]));
    const opened = computed(() => orderIn(route.query.order));
    const go = (order) => router.replace({ query: { ...route.query, order: order || undefined } });
    const turned = () => Promise.all([orders.load(), standing.run()]);
    async function begun(order) {
      await go(order.id);
      orders.load();
    }
    const lots = () => standing.data.value?.lots ?? [];
    const balance = () => [{ label: t("balance"), value: html`<span class=${{ low: session.balance !== null && session.balance <= 0n }}><${Money} nano=${session.balance} down /></span>` }];
    return () => html`<${Page} title=${t("nav.topup")}>${() => html`<div class="topup">
      <div class="whole"><${Figures} items=${balance()} /><${Failure} error=${standing.error.value} retry=${() => standing.run()} /></div>
      <${Redeem} onCredited=${() => standing.run()} />
      ${ways.data.value ? html`<${Pay} key="pay" ways=${ways.data.value} onBegun=${begun} />` : html`<div aria-busy=${ways.busy.value}><${Failure} error=${ways.error.value} retry=${() => ways.run()} /></div>`}
      ${lots().length ? html`<section class="whole narrow-page"><h2>${t("topup.lots")}</h2><p class="small quiet">${t("topup.lots.hint")}</p>
        <${DataTable} caption=${t("topup.lots")} columns=${lotColumns()} rows=${lots()} rowKey=${(lot) => lot.id} /></section>` : null}
      ${orders.rows.value.length || orders.error.value || ways.data.value?.providers.length ? html`<div class="whole"><${Orders} feed=${orders} onOpen=${(order) => go(order.id)} onTurned=${turned} /></div>` : null}
      ${opened.value ? html`<${OrderDialog} key=${opened.value} id=${opened.value} onClose=${() => go("")} onTurned=${turned} />` : null}
    </div>`}</${Page}>`;
  },
};
