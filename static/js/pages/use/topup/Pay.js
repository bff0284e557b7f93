// Beginning a top-up that one pays oneself: how much, with what; the server says what it costs and where to pay.
import { computed, reactive, ref, watch } from "vue";
import { RouterLink } from "vue-router";
import { t, word } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { exactUsd, parseUsd, shortUsd } from "../../../core/money.js";
import { call, isRoot } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Failure } from "../../../parts/Failure.js";
import { Field, Segments } from "../../../parts/Field.js";
import { Empty } from "../../../parts/Page.js";

const USUAL = ["5", "10", "20", "50", "100"];

function read(text) {
  try {
    return parseUsd(text);
  } catch {
    return null;
  }
}

/** `ways` is what the API says can be paid with. Emits "begun" with the order. */
export const Pay = {
  name: "Pay",
  props: { ways: { type: Object, required: true } },
  emits: ["begun"],
  setup(props, { emit }) {
    const { providers } = props.ways;
    const form = reactive({ amount: "", provider: providers[0]?.provider ?? "", method: "", currency: "" });
    const touched = ref(false);
    const chosen = computed(() => providers.find(({ provider }) => provider === form.provider));
    watch(chosen, (one) => {
      if (one) Object.assign(form, { method: one.methods[0] ?? "", currency: one.currencies.includes(one.currency) ? one.currency : one.currencies[0] ?? "" });
    }, { immediate: true });
    const [least, most] = [parseUsd(props.ways.min_usd), parseUsd(props.ways.max_usd)];
    const nano = computed(() => read(form.amount));
    const isRight = () => nano.value !== null && nano.value >= least && nano.value <= most;
    const { busy, error, act } = useAction(async () => {
      touched.value = true;
      if (!isRight()) return;
      const { provider, method, currency } = form;
      const { data } = await call.post("/api/payment/orders", { provider, amount_usd: exactUsd(nano.value), ...(method ? { method } : {}), ...(currency ? { currency } : {}) });
      emit("begun", data);
    });
    const limits = () => ({ least: shortUsd(least), most: shortUsd(most) });
    const fault = () => (touched.value && !isRight() ? (nano.value === null ? t("topup.amount.wrong") : t("topup.amount.hint", limits())) : "");
    const usual = () => html`<div class="row wrap" role="group" aria-label=${t("topup.amount")}>${USUAL.filter((text) => parseUsd(text) >= least && parseUsd(text) <= most).map((text) => html`
      <button type="button" class="button tiny" key=${text} aria-pressed=${form.amount === text} onClick=${() => { form.amount = text; }}>$${text}</button>`)}</div>`;
    const several = (name, label, options) => (options.length < 2 ? null : html`<div class="field"><span class="name">${label}</span>
      <div><${Segments} label=${label} options=${options} modelValue=${form[name]} ...${{ "onUpdate:modelValue": (value) => { form[name] = value; } }} /></div></div>`);
    const named = (list, values) => values.map((value) => ({ value, label: word(list, value) }));
    const rate = () => (form.currency && form.currency !== "USD" ? html`<p class="small quiet">${t("topup.rate", { currency: form.currency, rate: `$${props.ways.rates[form.currency]}` })}</p>` : null);
    const empty = () => html`<${Empty} title=${t("topup.none")} text=${t(isRoot.value ? "topup.none.admin" : "topup.none.text")}>
      ${isRoot.value ? html`<${RouterLink} class="button" to="/options">${t("topup.options")}</${RouterLink}>` : null}</${Empty}>`;
    return () => (!providers.length ? empty() : html`<section class="pay"><h2>${t("topup.pay")}</h2><p class="quiet">${t("topup.pay.lead")}</p>
      <form class="stack" novalidate onSubmit=${(event) => { event.preventDefault(); act(); }}>
        <${Field} label=${t("topup.amount")} hint=${t("topup.amount.hint", limits())} error=${fault()}>${(given) => html`<input ...${given} name="amount" inputmode="decimal" autocomplete="off" ...${bind(form, "amount", { trim: true })} />`}</${Field}>
        ${usual()}
        ${several("provider", t("topup.provider"), named("provider", providers.map(({ provider }) => provider)))}
        ${several("method", t("topup.method"), named("paymethod", chosen.value?.methods ?? []))}
        ${several("currency", t("topup.currency"), (chosen.value?.currencies ?? []).map((value) => ({ value, label: value })))}
        ${rate()}
        <${Failure} error=${error.value} />
        <div class="row"><button type="submit" class="button primary" id="pay" aria-disabled=${busy.value ? "true" : null}>${t("topup.begin")}</button></div>
      </form></section>`);
  },
};
