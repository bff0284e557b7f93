// One model: its prices (edited into the draft), where it is offered, and what it cost in each version.
import { computed, onMounted, ref, watch } from "vue";
import { useRouter } from "vue-router";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call, isRoot } from "../../core/session.js";
import { html } from "../../html.js";
import { Drawer } from "../../parts/Dialog.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { Json } from "../../parts/Json.js";
import { Facts } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { CLASSES, isRate, MAIN, pricedIn, standsIn, unitOf } from "./price_classes.js";
import { isChanged, putRow, rowOf, setFields, undo } from "./price_draft.js";
import { className } from "./price_parts.js";

const whole = (text) => (/^\d{1,12}$/.test(text) && Number(text) > 0 ? Number(text) : null);

/** Tiers and variants, as JSON: what is typed goes into the draft as soon as it is a list. */
const Lists = {
  name: "Lists",
  props: { book: { type: Object, required: true }, model: { type: String, required: true } },
  setup(props) {
    const textOf = (name) => {
      const value = rowOf(props.book, props.model)?.[name];
      return value ? JSON.stringify(value, null, 2) : "";
    };
    const texts = ref({ tiers: textOf("tiers"), variants: textOf("variants") });
    watch(() => [props.model, isChanged(props.book, props.model)], () => {
      if (!isChanged(props.book, props.model)) texts.value = { tiers: textOf("tiers"), variants: textOf("variants") };
    });
    const check = (value) => (Array.isArray(value) ? "" : t("prices.needslist"));
    function typed(name, text) {
      texts.value = { ...texts.value, [name]: text };
      if (!text.trim()) return setFields(props.book, props.model, { [name]: null });
      try {
        const value = JSON.parse(text);
        if (Array.isArray(value)) setFields(props.book, props.model, { [name]: value.length ? value : null });
      } catch {
        // Said below the field as one types; the draft keeps the last list that was one.
      }
    }
    const list = (name) => html`<details open=${Boolean(texts.value[name])}><summary>${t(`prices.${name}`)}</summary>
      <p class="hint">${t(`prices.${name}.hint`)}</p>
      <${Json} label=${t(`prices.${name}`)} rows=${5} check=${check} modelValue=${texts.value[name]} onUpdate:modelValue=${(text) => typed(name, text)} /></details>`;
    return () => html`${list("tiers")}${list("variants")}`;
  },
};

function ratesForm(book, model, added) {
  const row = rowOf(book, model);
  const shown = CLASSES.filter((name) => MAIN.includes(name) || row[name] !== undefined || added.value.includes(name));
  const field = (name) => html`<${Field} key=${name} label=${className(name)} hint=${t(`prices.unit.${unitOf(name)}`)}
    error=${row[name] !== undefined && !isRate(row[name]) ? t("prices.norate") : ""}>${(given) => html`<input ...${given} class="mono" inputmode="decimal" autocomplete="off"
      value=${row[name] ?? ""} placeholder=${standsIn(row, name) ? t("prices.as", { rate: standsIn(row, name) }) : ""} onChange=${({ target }) => setFields(book, model, { [name]: target.value })} />`}</${Field}>`;
  const rest = CLASSES.filter((name) => !shown.includes(name));
  const choose = ({ target }) => { added.value = [...added.value, target.value]; target.value = ""; };
  return html`<div class="rates">${shown.map(field)}
    <${Field} label=${t("prices.ceiling")} hint=${t("prices.ceiling.hint")}>${(given) => html`<input ...${given} class="mono" inputmode="numeric" value=${row.max_output_tokens ?? ""}
      onChange=${({ target }) => setFields(book, model, { max_output_tokens: whole(target.value.trim()) })} />`}</${Field}></div>
    ${rest.length ? html`<${Field} label=${t("prices.addclass")}>${(given) => html`<select ...${given} class="select short" onChange=${choose}><option value=""></option>${rest.map((name) => html`<option key=${name} value=${name}>${className(name)}</option>`)}</select>`}</${Field}>` : null}`;
}

const ratesShown = (row) => html`<${Facts} pairs=${[...pricedIn(row).map((name) => [className(name), html`<span class="mono">${row[name]}</span> <span class="quiet">${t(`prices.unit.${unitOf(name)}`)}</span>`]),
  [t("prices.tiers"), row.tiers ? html`<code>${JSON.stringify(row.tiers)}</code>` : null], [t("prices.variants"), row.variants ? html`<code>${JSON.stringify(row.variants)}</code>` : null],
  [t("prices.ceiling"), row.max_output_tokens]]} />`;

const told = (row) => (row ? pricedIn(row).map((name) => `${className(name)} ${row[name]}`).join(t("comma")) : t("prices.mark.gone"));

export const PriceModel = {
  name: "PriceModel",
  props: { book: { type: Object, required: true }, model: { type: String, required: true } },
  emits: ["close"],
  setup(props, { emit }) {
    const router = useRouter();
    const added = ref([]);
    const { data, error, run } = useLoad(async (signal) => (await call.get("/api/ledger/prices/history", { model: props.model }, { signal })).data);
    onMounted(run);
    watch(() => props.model, () => { added.value = []; run(); });
    const row = computed(() => rowOf(props.book, props.model));
    const past = computed(() => props.book.version !== props.book.inForce);
    const offers = computed(() => props.book.offered.find(({ model }) => model === props.model)?.channels ?? []);
    const version = (number) => router.resolve({ path: "/prices", query: { tab: "versions", version: number } }).href;
    const history = () => html`<ol class="history">${(data.value ?? []).map((one) => html`<li key=${one.version}>
      <span><a href=${version(one.version)}>${t("prices.version", { number: one.version })}</a> <span class="quiet">${t(`prices.state.${one.state}`)} · <${Time} at=${one.effective} /></span></span>
      <span class="mono">${told(one.row)}</span>${one.note ? html`<span class="quiet small">${one.note}</span>` : null}</li>`)}</ol>`;
    const actions = () => html`<div class="row">
      ${isChanged(props.book, props.model) ? html`<button type="button" class="button tiny" onClick=${() => undo(props.model)}>${t("prices.undo")}</button>` : null}
      ${row.value ? html`<button type="button" class="button tiny" onClick=${() => putRow(props.book, props.model, null)}>${t("prices.takeaway")}</button>` : null}</div>`;
    return () => html`<${Drawer} title=${props.model} onClose=${() => emit("close")}>
      ${isChanged(props.book, props.model) ? html`<${Notice} kind="warning">${t(row.value ? "prices.indraft" : "prices.willgo")}</${Notice}>` : null}
      ${!row.value && !isChanged(props.book, props.model) ? html`<p class="quiet">${t("prices.norow")}</p>` : null}
      ${!row.value && isRoot.value && !past.value && !isChanged(props.book, props.model) ? html`<div class="row"><button type="button" class="button" onClick=${() => putRow(props.book, props.model, { model: props.model, input: "0", output: "0" })}>${t("prices.give")}</button></div>` : null}
      ${row.value ? html`<section><h3>${t("prices.rates")}</h3>${isRoot.value && !past.value ? html`${ratesForm(props.book, props.model, added)}<${Lists} key=${props.model} book=${props.book} model=${props.model} />` : ratesShown(row.value)}</section>` : null}
      ${isRoot.value && !past.value ? actions() : null}
      <section><h3>${t("prices.about")}</h3><${Facts} pairs=${[
        [t("prices.source"), row.value ? row.value.source ?? t("prices.own") : null], [t("prices.since"), props.book.since[props.model] ? t("prices.version", { number: props.book.since[props.model] }) : null],
        [t("prices.offeredby"), offers.value.length ? offers.value.map(({ name }) => name).join(t("comma")) : t("prices.notoffered")]]} /></section>
      <section><h3>${t("prices.history")}</h3><${Failure} error=${error.value} retry=${run} />${data.value?.length ? history() : data.value ? html`<p class="quiet">${t("prices.nohistory")}</p>` : null}</section>
    </${Drawer}>`;
  },
};
