// The head of a page (title, a line of help, actions) and its empty state.
import { html } from "../html.js";

/** Slots: default, actions (right of the title), lead (a line below it). The title is the page's only h1. */
export const Page = {
  name: "Page",
  props: { title: { type: String, required: true } },
  setup: (props, { slots }) => () => html`<div class="page">
    <div class="page-head"><h1>${props.title}</h1>${slots.actions ? html`<div class="row actions">${slots.actions()}</div>` : null}</div>
    ${slots.lead ? html`<p class="lead quiet">${slots.lead()}</p>` : null}
    ${slots.default?.()}</div>`,
};

/** Nothing here: says why, and the next step (slot). */
export const Empty = {
  name: "Empty",
  props: { title: { type: String, required: true }, text: { type: String, default: "" } },
  setup: (props, { slots }) => () => html`<div class="next"><h2>${props.title}</h2>
    ${props.text ? html`<p class="quiet">${props.text}</p>` : null}${slots.default ? html`<div class="row">${slots.default()}</div>` : null}</div>`,
};

/** A row of numbers: items [{label, value (node or text), note?, lesser?}]. */
export const Figures = {
  name: "Figures",
  props: { items: { type: Array, required: true } },
  setup: (props) => () => html`<dl class="figures-list">${props.items.map((item) => html`<div class=${["figure", { lesser: item.lesser }]} key=${item.label}>
    <dt>${item.label}</dt><dd>${item.value}</dd>${item.note ? html`<dd class="note">${item.note}</dd>` : null}</div>`)}</dl>`,
};

/** Facts as pairs: [[label, node or text]]; those without a value are left out. */
export const Facts = {
  name: "Facts",
  props: { pairs: { type: Array, required: true } },
  setup: (props) => () => {
    const shown = props.pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return html`<dl class="facts">${shown.map(([label, value]) => html`<dt key=${label}>${label}</dt><dd>${value}</dd>`)}</dl>`;
  },
};
