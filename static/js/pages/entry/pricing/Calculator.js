// What a request would cost: numbers in, the exact amount and the formula out, by the same arithmetic as the explain drawer.
import { computed, reactive, ref } from "vue";
import { perUnit, workOut } from "../../../core/formula.js";
import { t, word } from "../../../core/i18n.js";
import { bind, html } from "../../../html.js";
import { Field } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { CLASSES } from "./columns.js";
import { ratesFor, tierOf } from "./rates.js";

const BY_TOKENS = { input: 1000, cached: 0, output: 500 };
const MOST = 1e12;

/** The classes to ask for: those with a price; with tokens always input, cached and output. */
function asked(rates) {
  const tokens = "input" in rates ? Object.keys(BY_TOKENS) : [];
  return CLASSES.filter((name) => tokens.includes(name) || name in rates);
}

const first = (name) => BY_TOKENS[name] ?? (name === "characters" ? 1000 : 0);
const count = (value) => (Number.isFinite(value) ? Math.min(Math.max(0, Math.floor(value)), MOST) : 0);
const named = ({ size, quality }) => [quality, size].filter(Boolean).join(" ");

export const Calculator = {
  name: "Calculator",
  props: { row: { type: Object, required: true }, group: { type: Object, required: true } },
  setup(props) {
    const names = asked(props.row.rates);
    const given = reactive(Object.fromEntries(names.map((name) => [name, names.length === 1 && perUnit(name) ? 1 : first(name)])));
    const chosen = ref("");
    const usage = computed(() => Object.fromEntries(names.map((name) => [name, count(given[name])])));
    const variant = computed(() => props.row.variants.find((one) => named(one) === chosen.value));
    const result = computed(() => workOut({
      usage: usage.value,
      price: { rates: ratesFor(props.row, usage.value, variant.value), group: props.group.name, group_ratio: props.group.ratio },
    }));
    const field = (name) => html`<${Field} key=${name} label=${word("class", name)}>${(own) => html`<input ...${own} name=${name} type="number" min="0" step="1" inputmode="numeric" ...${bind(given, name, { number: true })} />`}</${Field}>`;
    const variants = () => html`<${Field} label=${t("pricing.variant")}>${(own) => html`<select ...${own} name="variant" value=${chosen.value} onChange=${({ target }) => { chosen.value = target.value; }}>
      <option value="">${t("pricing.variant.usual")}</option>${props.row.variants.map((one) => html`<option key=${named(one)} value=${named(one)}>${named(one)}</option>`)}</select>`}</${Field}>`;
    return () => {
      const tier = tierOf(props.row, usage.value);
      return html`<section class="calculator"><h3>${t("pricing.calculator")}</h3>
        <div class="fields">${props.row.variants.length ? variants() : null}${names.map(field)}</div>
        <p class="lead-amount" aria-live="polite"><${Money} nano=${result.value.nano} full /></p>
        <div class="formula">${result.value.lines.map((line) => html`<p key=${line}>${line}</p>`)}</div>
        ${tier ? html`<p class="small quiet">${t("pricing.tierHolds", { tokens: tier.above_input_tokens })}</p>` : null}
      </section>`;
    };
  },
};
