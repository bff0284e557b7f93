// What users pay themselves, and what providers told that the books refused.
import { RouterLink, useRoute } from "vue-router";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { Page } from "../../parts/Page.js";
import { OrderList } from "./orders/OrderList.js";
import { Refused } from "./orders/Refused.js";

export default {
  name: "OperatorsOrders",
  setup() {
    const route = useRoute();
    const tab = (name, query, isHere) => html`<${RouterLink} to=${{ path: "/orders", query }} aria-current=${isHere ? "page" : null}>${t(`orders.tab.${name}`)}</${RouterLink}>`;
    return () => {
      const isRefused = route.query.show === "refused";
      return html`<${Page} title=${t("nav.orders")}>${{
        lead: () => t("orders.lead"),
        default: () => html`<nav class="tabs" aria-label=${t("nav.orders")}>${tab("orders", {}, !isRefused)}${tab("refused", { show: "refused" }, isRefused)}</nav>
          ${isRefused ? html`<${Refused} key="refused" />` : html`<${OrderList} key="orders" />`}`,
      }}</${Page}>`;
    };
  },
};
