// A labelled control: label above, hint and error below, tied to the control for those who do not see it.
import { useId } from "vue";
import { html } from "../html.js";

/**
 * The default slot gets {id, "aria-describedby", "aria-invalid"} to put on its control. `silent` keeps the label for screen readers only.
 */
export const Field = {
  name: "Field",
  props: { label: { type: String, required: true }, hint: { type: String, default: "" }, error: { type: String, default: "" }, silent: Boolean },
  setup(props, { slots }) {
    const id = useId();
    return () => {
      const said = [props.hint && `${id}-hint`, props.error && `${id}-error`].filter(Boolean).join(" ");
      const given = { id, "aria-describedby": said || null, "aria-invalid": props.error ? "true" : null };
      return html`<div class=${["field", { silent: props.silent }]}>
        <label class="name" for=${id}>${props.label}</label>
        ${slots.default(given)}
        ${props.hint ? html`<p class="hint" id="${id}-hint">${props.hint}</p>` : null}
        ${props.error ? html`<p class="wrong" id="${id}-error" role="alert">${props.error}</p>` : null}
      </div>`;
    };
  },
};

/** A labelled checkbox: the label stands beside it. */
export const Check = {
  name: "Check",
  props: { label: { type: String, required: true }, hint: { type: String, default: "" }, modelValue: Boolean, disabled: Boolean },
  emits: ["update:modelValue"],
  setup: (props, { emit }) => () => html`<label class="check">
    <input type="checkbox" checked=${props.modelValue} disabled=${props.disabled}
      onChange=${({ target }) => emit("update:modelValue", target.checked)} />
    <span>${props.label}${props.hint ? html`<span class="hint">${props.hint}</span>` : null}</span></label>`,
};

/** A few choices side by side, one of which holds. `options`: [{value, label}]. */
export const Segments = {
  name: "Segments",
  props: { label: { type: String, required: true }, options: { type: Array, required: true }, modelValue: { type: String, default: "" } },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const name = useId();
    return () => html`<div class="segments" role="radiogroup" aria-label=${props.label}>
      ${props.options.map(({ value, label }) => html`<label key=${value}>
        <input type="radio" name=${name} value=${value} checked=${value === props.modelValue} onChange=${() => emit("update:modelValue", value)} />
        <span>${label}</span></label>`)}
    </div>`;
  },
};
