// Choosing from a long list: typed to find, several at once if asked, one's own entries if allowed.
import { inject } from "vue";
import { ElOption, ElSelect } from "../core/element.js";
import { html } from "../html.js";
import { IN_LAYER } from "./Dialog.js";

/** `options`: texts or [{value, label, note?}]. `several` makes the value an array; `own` allows entries that are not in the list. */
export const Pick = {
  name: "Pick",
  inheritAttrs: false,
  props: {
    modelValue: { default: "" }, options: { type: Array, required: true }, several: Boolean, own: Boolean, label: { type: String, required: true },
    placeholder: { type: String, default: " " }, clearable: Boolean, id: { type: String, default: undefined }, disabled: Boolean,
  },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const inside = inject(IN_LAYER, false);
    return () => {
      const options = props.options.map((option) => (typeof option === "object" ? option : { value: option, label: String(option) }));
      return html`<${ElSelect} id=${props.id} modelValue=${props.modelValue} onUpdate:modelValue=${(value) => emit("update:modelValue", value ?? "")}
        filterable multiple=${props.several} allowCreate=${props.own} defaultFirstOption=${props.own} clearable=${props.clearable} disabled=${props.disabled}
        teleported=${!inside} placeholder=${props.placeholder} aria-label=${props.label} ariaLabel=${props.label} reserveKeyword=${false}>
        ${options.map((option) => html`<${ElOption} key=${option.value} value=${option.value} label=${option.label}>
          ${option.note ? html`<span>${option.label}</span><span class="note">${option.note}</span>` : option.label}</${ElOption}>`)}
      </${ElSelect}>`;
    };
  },
};
