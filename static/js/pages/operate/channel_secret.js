// Something that can be written and never read: shown as "set", with a button to replace it.
import { nextTick, ref, watch } from "vue";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { Field } from "../../parts/Field.js";
import { Icon } from "../../parts/Icon.js";

/** `kept` is the value that leaves it as it is; `set`: there is one already. A new `version` means that it was saved. */
export const Secret = {
  name: "Secret",
  props: {
    label: { type: String, required: true }, hint: { type: String, default: "" }, error: { type: String, default: "" }, name: { type: String, required: true },
    modelValue: { type: String, default: "" }, kept: { type: String, default: "" }, set: Boolean, lines: Boolean, removable: Boolean, version: { type: Number, default: 0 },
  },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const replacing = ref(false);
    const box = ref(null);
    watch(() => props.version, () => { replacing.value = false; });
    const tell = (value) => emit("update:modelValue", value);
    async function replace() {
      replacing.value = true;
      tell("");
      await nextTick();
      box.value?.focus();
    }
    const keep = () => { replacing.value = false; tell(props.kept); };
    const heard = ({ target }) => tell(target.value);
    const control = (given) => (props.lines
      ? html`<textarea ...${given} ref=${box} name=${props.name} class="mono" rows="3" spellcheck="false" autocomplete="off" value=${props.modelValue} onInput=${heard}></textarea>`
      : html`<input ...${given} ref=${box} name=${props.name} type="password" class="mono" autocomplete="new-password" spellcheck="false" value=${props.modelValue} onInput=${heard} />`);
    return () => {
      const open = replacing.value || !props.set;
      const undo = props.set && open ? html`<button type="button" class="button tiny" onClick=${keep}>${t("channel.secret.keep")}</button>` : null;
      return html`<${Field} label=${props.label} hint=${props.hint} error=${props.error}>${(given) => (open
        ? html`<div class="stack tight">${control(given)}${undo ? html`<div class="row">${undo}${props.removable && !props.modelValue ? html`<span class="hint">${t("channel.secret.empties")}</span>` : null}</div>` : null}</div>`
        : html`<div class="row secret"><span class="word"><${Icon} name="lock" />${t("channel.secret.set")}</span>
            <button type="button" class="button tiny" id=${given.id} aria-describedby=${given["aria-describedby"]} onClick=${replace}>${t("channel.secret.replace")}</button></div>`)}</${Field}>`;
    };
  },
};
