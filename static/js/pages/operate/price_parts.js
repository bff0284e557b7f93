// Small parts of the price book's pages: a rate, a change, the tabs.
import { useRoute, useRouter } from "vue-router";
import { has, percent, t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { point } from "../../parts/points.js";

/** A decimal text as a number in a column: points stand under each other. */
export const rate = (text, kind = "") => {
  const [whole, fraction = ""] = String(text).split(".");
  return html`<span class=${["rate", kind]}>${whole}${point(fraction)}</span>`;
};

export const className = (name) => (has(`rate.${name}`) ? t(`rate.${name}`) : name);

const plain = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** How much more or less, as a share; "" where that says nothing. */
export function share(before, after) {
  const [one, other] = [Number(before), Number(after)];
  if (!(one > 0) || Number.isNaN(other) || before === null || after === null) return "";
  const change = other / one - 1;
  return `${change > 0 ? "+" : ""}${percent(change)}`.replace("-", "\u2212");
}

export const before = (value) => html`<span class="quiet">${plain(value)}</span>`;
export const after = (value) => (value === null ? html`<span class="quiet">–</span>` : html`<strong>${plain(value)}</strong>`);

/** Pages within a page, as links that keep what else the address says of the page. `items`: [{id, label, count?}]. */
export const Tabs = {
  name: "Tabs",
  props: { items: { type: Array, required: true }, current: { type: String, required: true }, label: { type: String, required: true }, first: { type: String, required: true } },
  setup(props) {
    const route = useRoute();
    const router = useRouter();
    const href = (id) => router.resolve({ path: route.path, query: id === props.first ? {} : { tab: id } }).href;
    return () => html`<nav class="tabs" aria-label=${props.label}>${props.items.map(({ id, label, count }) => html`
      <a key=${id} href=${href(id)} aria-current=${id === props.current ? "page" : null}>${label}${count ? html` <span class="count">${count}</span>` : null}</a>`)}</nav>`;
  },
};
