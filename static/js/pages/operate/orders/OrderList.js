// Everybody's orders, by state, provider and user.
import { computed, onMounted, watch } from "vue";
import { RouterLink, useRoute, useRouter } from "vue-router";
import { t, word } from "../../../core/i18n.js";
import { usePaged } from "../../../core/paged.js";
import { useQuery } from "../../../core/query.js";
import { call } from "../../../core/session.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Field } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { OrderState, priceText, providerWord, STATES } from "../../../parts/OrderState.js";
import { Empty } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";

const PROVIDERS = ["webhook", "epay", "stripe"];
const TURNED = ["refunded", "charged_back"];
const PATH = "/api/payment/orders/all";

function columns(place) {
  const event = (order, id, node) => (order.event ? html`<${RouterLink} to=${place(id)}>${node}</${RouterLink}>` : node);
  const taken = (order) => (TURNED.includes(order.state) && order.event ? event(order, `reverse:${order.event}`, t("orders.taken")) : null);
  return [
    { id: "created", label: t("column.created"), class: "two", always: true, cell: (order) => html`<${Time} at=${order.created} />` },
    { id: "user", label: t("column.user"), class: "clip", always: true, cell: (order) => html`<${RouterLink} to=${{ path: "/users", query: { user: order.user_id } }}>${order.username || `#${order.user_id}`}</${RouterLink}>` },
    { id: "provider", label: t("orders.provider"), class: "wide", cell: providerWord },
    { id: "state", label: t("orders.state"), cell: (order) => html`<${OrderState} state=${order.state} />` },
    { id: "paid", label: t("orders.paid"), class: "two", cell: (order) => (order.paid ? html`<${Time} at=${order.paid} />` : null) },
    { id: "taken", label: t("orders.taken"), cell: taken },
    { id: "number", label: t("orders.number"), class: "clip mono", hidden: true, cell: (order) => order.id },
    { id: "rate", label: t("orders.rate"), number: true, hidden: true, cell: (order) => order.rate },
    { id: "price", label: t("topup.price"), number: true, cell: priceText },
    { id: "credit", label: t("topup.credit"), number: true, class: "amount", always: true, cell: (order) => event(order, order.event, html`<${Money} amount=${order.credit} />`) },
  ];
}

export const OrderList = {
  name: "OrderList",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const { filter, set, clear, isNarrow } = useQuery({ state: "", provider: "", user: "" });
    const params = () => ({ state: filter.value.state, provider: filter.value.provider, user_id: /^\d+$/.test(filter.value.user) ? filter.value.user : "" });
    const asked = computed(() => JSON.stringify(params()));
    const feed = usePaged((page, signal) => call.get(PATH, { ...page, ...params() }, { signal }), (order) => order.id);
    onMounted(feed.load);
    watch(asked, feed.load);
    const place = (event) => ({ query: { ...route.query, event } });
    const open = (order) => order.event && router.push(place(order.event));
    const select = (name, label, any, options) => html`<${Field} label=${label} silent>${(given) => html`<select ...${given} name=${name} onChange=${({ target }) => set({ [name]: target.value })}>
      <option value="" selected=${!filter.value[name]}>${any}</option>
      ${options.map(([value, text]) => html`<option key=${value} value=${value} selected=${filter.value[name] === value}>${text}</option>`)}</select>`}</${Field}>`;
    return () => html`<div class="bar" role="search">
        ${select("state", t("orders.state"), t("orders.any.state"), STATES.map((state) => [state, word("orderstate", state)]))}
        ${select("provider", t("orders.provider"), t("orders.any.provider"), PROVIDERS.map((name) => [name, word("provider", name)]))}
        <${Field} label=${t("orders.user")} silent>${(given) => html`<input ...${given} name="user" inputmode="numeric" autocomplete="off" placeholder=${t("orders.user")} value=${filter.value.user} onChange=${({ target }) => set({ user: target.value.trim() })} />`}</${Field}>
        ${isNarrow.value ? html`<button type="button" class="button bare" onClick=${clear}>${t("filter.clear")}</button>` : null}</div>
      <${DataTable} name="orders" caption=${t("nav.orders")} columns=${columns(place)} rows=${feed.rows.value} rowKey=${(order) => order.id} busy=${feed.busy.value} error=${feed.error.value}
        retry=${feed.again} more=${feed.hasMore.value} onMore=${feed.more} opens opened=${feed.rows.value.find((order) => order.event && order.event === route.query.event)?.id ?? null} onOpen=${open}>${{
          empty: () => (isNarrow.value ? html`<${Empty} title=${t("orders.filtered")}><button type="button" class="button" onClick=${clear}>${t("filter.clear")}</button></${Empty}>`
            : html`<${Empty} title=${t("orders.none")} text=${t("orders.none.text")} />`),
        }}</${DataTable}>`;
  },
};
