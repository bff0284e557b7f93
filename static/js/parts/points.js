// Decimal points under each other: the longest fraction of a column ends where its head does, shorter ones leave room (css/table.css).
import { onMounted, onUpdated } from "vue";
import { html } from "../html.js";

/** What a lone point takes is about half a figure: so much more room a number without one leaves. */
const NO_POINT = -0.5;

/** The part of a number from the point on; "" where it has none. */
export const point = (fraction) => html`<span class="point" style=${{ "--digits": fraction ? fraction.length : NO_POINT }}>${fraction ? `.${fraction}` : ""}</span>`;

const mostOf = (column) => `--most-${column}`;

/** The style and the name by which a cell of a column learns the most digits there. */
export const pointed = (column) => ({ "data-column": column, style: { "--most": `var(${mostOf(column)})` } });

/** Tells a table (ref to its box) after each rendering how many digits follow the point, at most, in each column. */
export function usePoints(box) {
  function measure() {
    const most = new Map();
    for (const found of box.value?.querySelectorAll("[data-column] .point") ?? []) {
      const { column } = found.closest("[data-column]").dataset;
      const digits = Number(found.style.getPropertyValue("--digits"));
      most.set(column, Math.max(most.get(column) ?? NO_POINT, digits));
    }
    for (const [column, digits] of most) box.value.style.setProperty(mostOf(column), digits);
  }
  onMounted(measure);
  onUpdated(measure);
}
