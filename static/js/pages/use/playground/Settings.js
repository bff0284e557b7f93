// What is sent with the messages: key, model, system prompt, how the model is to answer.
import { computed } from "vue";
import { t } from "../../../core/i18n.js";
import { bind, html } from "../../../html.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { faultOf, Json } from "../../../parts/Json.js";
import { Pick } from "../../../parts/Pick.js";

/** These are the page's own. */
const OWN = ["model", "messages", "stream", "stream_options"];

export const blank = () => ({ key: "", model: "", system: "", temperature: "", most: "", more: "" });

export function checkMore(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return t("play.more.object");
  const own = OWN.filter((name) => name in value);
  return own.length ? t("play.more.own", { names: own.join(", ") }) : "";
}

const isBetween = (text, least, most, whole) => text === "" || (Number(text) >= least && Number(text) <= most && (!whole || Number.isInteger(Number(text))));

/** What is wrong, by field; empty when all is well. */
export function faultsOf(form) {
  return {
    ...(isBetween(form.temperature, 0, 2) ? {} : { temperature: t("play.temperature.wrong") }),
    ...(isBetween(form.most, 1, 10_000_000, true) ? {} : { most: t("play.most.wrong") }),
    ...(faultOf(form.more, checkMore) ? { more: t("play.more.wrong") } : {}),
  };
}

/** The body of a request but for its messages. */
export function bodyOf(form) {
  return {
    model: form.model, stream: true, stream_options: { include_usage: true },
    ...(form.temperature === "" ? {} : { temperature: Number(form.temperature) }),
    ...(form.most === "" ? {} : { max_tokens: Number(form.most) }),
    ...(form.more.trim() ? JSON.parse(form.more) : {}),
  };
}

/** `form` is changed in place; `keys` are those that work; `models` those of the chosen one. */
export const Settings = {
  name: "Settings",
  props: { form: { type: Object, required: true }, keys: { type: Array, required: true }, models: { type: Array, required: true }, error: { default: null }, retry: { type: Function, required: true } },
  setup(props) {
    const faults = computed(() => faultsOf(props.form));
    const numeric = (name, rest) => html`<${Field} label=${t(`play.${name}`)} error=${faults.value[name] ?? ""}>${(given) => html`<input ...${given} type="number" name=${name} placeholder=${t("play.default")} ...${rest} ...${bind(props.form, name)} />`}</${Field}>`;
    return () => html`<div class="settings stack">
      <${Field} label=${t("play.key")}>${(given) => html`<select ...${given} name="key" ...${bind(props.form, "key", { event: "onChange" })}>
        ${props.keys.map((key) => html`<option key=${key.id} value=${String(key.id)} selected=${String(key.id) === props.form.key}>${key.name}</option>`)}</select>`}</${Field}>
      <${Field} label=${t("column.model")} hint=${props.models.length ? t("play.models", { count: props.models.length }) : ""}>${(given) => html`<${Pick} id=${given.id} label=${t("column.model")} options=${props.models}
        modelValue=${props.form.model} ...${{ "onUpdate:modelValue": (value) => { props.form.model = value; } }} />`}</${Field}>
      <${Failure} error=${props.error} retry=${props.retry} />
      <${Field} label=${t("play.system")}>${(given) => html`<textarea ...${given} name="system" rows="4" ...${bind(props.form, "system")}></textarea>`}</${Field}>
      <div class="fields">${numeric("temperature", { min: 0, max: 2, step: 0.1 })}${numeric("most", { min: 1, step: 1 })}</div>
      <${Field} label=${t("play.more")} hint=${t("play.more.hint")}>${(given) => html`<${Json} id=${given.id} label=${t("play.more")} rows=${3} check=${checkMore}
        modelValue=${props.form.more} ...${{ "onUpdate:modelValue": (value) => { props.form.more = value; } }} />`}</${Field}>
    </div>`;
  },
};

