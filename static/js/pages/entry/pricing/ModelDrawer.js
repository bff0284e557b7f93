// All prices of one model: by class, by length of the input, by size and quality; and what a request of it costs.
import { t, word } from "../../../core/i18n.js";
import { html } from "../../../html.js";
import { Drawer } from "../../../parts/Dialog.js";
import { Facts } from "../../../parts/Page.js";
import { Calculator } from "./Calculator.js";
import { CLASSES, perText, rateText } from "./columns.js";
import { scaled } from "./rates.js";

const known = (rates) => CLASSES.filter((name) => name in rates);
const rate = (rates, name) => (rates[name] ? html`<data class="exact" value=${rates[name]}>${rateText(rates[name])}</data>` : null);

/** Levels side by side: the usual prices, then those of each tier. */
function ratesTable({ rates, tiers }) {
  const levels = [{ label: t("pricing.rate"), rates }, ...tiers.map((tier) => ({ label: t("pricing.above", { tokens: tier.above_input_tokens }), rates: { ...rates, ...tier.rates } }))];
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("pricing.all")}><table class="usage">
    <thead><tr><th scope="col">${t("pricing.class")}</th>${levels.map(({ label }) => html`<th scope="col" class="number" key=${label}>${label}</th>`)}<th scope="col">${t("pricing.unit")}</th></tr></thead>
    <tbody>${known(levels.reduce((all, level) => ({ ...all, ...level.rates }), {})).map((name) => html`<tr key=${name}><td>${word("class", name)}</td>
      ${levels.map((level) => html`<td class="number" key=${level.label}>${rate(level.rates, name)}</td>`)}<td class="quiet">${t(`pricing.unit.${name}`)}</td></tr>`)}</tbody></table></div>`;
}

function variantsTable({ variants }) {
  if (!variants.length) return null;
  return html`<section><h3>${t("pricing.variants")}</h3><table class="usage">
    <thead><tr><th scope="col">${t("pricing.size")}</th><th scope="col">${t("pricing.quality")}</th><th scope="col">${t("pricing.rate")}</th></tr></thead>
    <tbody>${variants.map((one) => html`<tr key=${`${one.size} ${one.quality}`}><td>${one.size ?? t("pricing.any")}</td><td>${one.quality ?? t("pricing.any")}</td>
      <td>${Object.entries(one.rates).map(([name, value]) => perText(name, value)).join(t("comma"))}</td></tr>`)}</tbody></table></section>`;
}

/** `row` as GET /api/pricing has it, `group` {name, ratio}. Prices shown have the ratio in them. */
export const ModelDrawer = {
  name: "ModelDrawer",
  props: { row: { type: Object, required: true }, group: { type: Object, required: true } },
  emits: ["close"],
  setup: (props, { emit }) => () => {
    const shown = scaled(props.row, props.group.ratio);
    const facts = [
      [t("pricing.vendor"), props.row.vendor],
      [t("column.group"), `${props.group.name} \u00d7 ${props.group.ratio}`],
      [t("pricing.maxOutput"), props.row.max_output_tokens ? t("pricing.tokens", { count: props.row.max_output_tokens }) : null],
    ];
    return html`<${Drawer} title=${props.row.model} onClose=${() => emit("close")}>
      <${Facts} pairs=${facts} />
      <section><h3>${t("pricing.all")}</h3>${ratesTable(shown)}${props.row.rates.input ? html`<p class="small quiet">${t("pricing.fallback")}</p>` : null}</section>
      ${variantsTable(shown)}
      <${Calculator} key=${props.group.name} row=${props.row} group=${props.group} />
    </${Drawer}>`;
  },
};
