// Making an access token: what it is for, what it may do, until when; then its text, this once.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { call } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Copy } from "../../../parts/Copy.js";
import { Notice } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";

const SCOPES = ["read", "manage", "full"];

/** The end of a day as the viewer counts days, in unix seconds; undefined for no day. */
function endOf(day) {
  if (!day) return undefined;
  const [year, month, date] = day.split("-").map(Number);
  return Math.floor(new Date(year, month - 1, date + 1).getTime() / 1000);
}

export const NewToken = {
  name: "NewToken",
  emits: ["close", "made"],
  setup(_, { emit }) {
    const form = reactive({ name: "", scope: "read", day: "" });
    const text = ref("");
    async function act() {
      const body = { name: form.name.trim(), scope: form.scope, expires_at: endOf(form.day) };
      text.value = (await call.post("/api/user/tokens", body)).data.token;
      emit("made");
    }
    const scope = (name) => html`<label class="check" key=${name}><input type="radio" name="scope" value=${name} checked=${form.scope === name} onChange=${() => { form.scope = name; }} />
      <span>${t(`tokens.scope.${name}`)}<span class="hint">${t(`tokens.scope.${name}.text`)}</span></span></label>`;
    const fields = () => html`
      <${Field} label=${t("column.name")} hint=${t("tokens.name.hint")}>${(given) => html`<input ...${given} name="name" maxlength="60" autofocus ...${bind(form, "name")} />`}</${Field}>
      <fieldset><legend>${t("tokens.scope")}</legend>${SCOPES.map(scope)}</fieldset>
      <${Field} label=${t("tokens.until")} hint=${t("tokens.until.hint")}>${(given) => html`<input ...${given} type="date" class="day" name="day" ...${bind(form, "day")} />`}</${Field}>`;
    const done = () => html`<${Notice} kind="warning">${t("tokens.once")}</${Notice}>
      <p class="row secret-line"><code id="token-text">${text.value}</code><${Copy} text=${text.value} /></p>`;
    return () => html`<${Ask} title=${t("tokens.make")} go=${t("tokens.make.go")} act=${act} ready=${Boolean(form.name.trim())} onClose=${() => emit("close")}>${{ default: fields, done }}</${Ask}>`;
  },
};
