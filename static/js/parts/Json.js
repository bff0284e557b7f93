// A field for JSON: checked as one types, with the place of the fault; "tidy" indents it.
import { computed } from "vue";
import { t } from "../core/i18n.js";
import { html } from "../html.js";

/** The fault of a text as {message, line, column}, or null. `check(value)` may say more (a text) about what parses. */
export function faultOf(text, check = () => "") {
  if (!text.trim()) return null;
  try {
    const said = check(JSON.parse(text));
    return said ? { message: said } : null;
  } catch (error) {
    const at = Number(/position (\d+)/.exec(error.message)?.[1] ?? Number.NaN);
    if (Number.isNaN(at)) return { message: error.message };
    const before = text.slice(0, at).split("\n");
    return { message: error.message.replace(/ in JSON.*$/, ""), line: before.length, column: before.at(-1).length + 1 };
  }
}

export const Json = {
  name: "Json",
  props: { modelValue: { type: String, default: "" }, label: { type: String, required: true }, check: { type: Function, default: undefined }, rows: { type: Number, default: 8 }, id: { type: String, default: undefined } },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const fault = computed(() => faultOf(props.modelValue, props.check));
    const tidy = () => emit("update:modelValue", JSON.stringify(JSON.parse(props.modelValue), null, 2));
    const place = () => (fault.value.line ? t("json.place", { line: fault.value.line, column: fault.value.column }) : "");
    return () => html`<div class="json">
      <textarea class="mono" id=${props.id} rows=${props.rows} spellcheck="false" aria-label=${props.label} aria-invalid=${fault.value ? "true" : null} value=${props.modelValue}
        onInput=${({ target }) => emit("update:modelValue", target.value)}></textarea>
      <div class="spread"><p class=${["small", fault.value ? "wrong" : "quiet"]} role="status">${fault.value ? `${fault.value.message} ${place()}` : props.modelValue.trim() ? t("json.right") : t("json.empty")}</p>
        <button type="button" class="button bare tiny" disabled=${Boolean(fault.value) || !props.modelValue.trim()} onClick=${tidy}>${t("json.tidy")}</button></div>
    </div>`;
  },
};
