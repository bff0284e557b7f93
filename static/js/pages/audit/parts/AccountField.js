// Naming an account: user:42, key:7, channel:3, or just a user's name.
import { ref, useId, watch } from "vue";
import { accountOf, nameOf } from "../../../core/names.js";
import { t } from "../../../core/i18n.js";
import { html } from "../../../html.js";

/** `own` are further accounts to choose from: [{value, label}]. Emits "update:modelValue" with an account that may exist, or "". */
export const AccountField = {
  name: "AccountField",
  props: { modelValue: { type: String, default: "" }, own: { type: Array, default: () => [] }, label: { type: String, default: "" }, placeholder: { type: String, default: "" } },
  emits: ["update:modelValue"],
  setup(props, { emit }) {
    const id = useId();
    const text = ref(props.modelValue);
    const wrong = ref("");
    watch(() => props.modelValue, (value) => { text.value = value; wrong.value = ""; });
    async function choose({ target }) {
      const said = target.value.trim();
      text.value = said;
      const found = await accountOf(said).catch(() => null);
      wrong.value = found === null ? t("accountfield.unknown", { name: said }) : "";
      if (found === null) return;
      text.value = found;
      if (found !== props.modelValue) emit("update:modelValue", found);
    }
    return () => html`<div class="field account">
      <label class="name" for=${id}>${props.label || t("column.account")}${nameOf(text.value) ? ` · ${nameOf(text.value)}` : ""}</label>
      <input class="mono" id=${id} name="account" list=${`${id}-list`} placeholder=${props.placeholder || t("accountfield.hint")} autocomplete="off" autocapitalize="none" spellcheck="false"
        value=${text.value} aria-invalid=${wrong.value ? "true" : null} aria-describedby=${wrong.value ? `${id}-error` : null} onChange=${choose} />
      <datalist id=${`${id}-list`}>${props.own.map(({ value, label }) => html`<option key=${value} value=${value} label=${label} />`)}</datalist>
      ${wrong.value ? html`<p class="wrong" id=${`${id}-error`} role="alert">${wrong.value}</p>` : null}
    </div>`;
  },
};
