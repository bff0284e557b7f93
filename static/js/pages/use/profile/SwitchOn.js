// Switching the second factor on: the password, the secret as a picture and as text, a first code, and the recovery codes, shown once.
import { nextTick, reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { call } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Copy } from "../../../parts/Copy.js";
import { Notice } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Qr } from "./Qr.js";

const URL = "/api/user/totp";
const grouped = (secret) => secret.replace(/=+$/, "").replace(/(.{4})(?=.)/g, "$1 ");

export const SwitchOn = {
  name: "SwitchOn",
  emits: ["close"],
  setup(_, { emit }) {
    const form = reactive({ password: "", code: "" });
    const made = ref(null);
    const codes = ref([]);
    const codeField = ref(null);
    async function begin() {
      made.value = (await call.post(URL, { password: form.password })).data;
      nextTick(() => codeField.value?.focus());
      return false;
    }
    async function confirmIt() {
      codes.value = (await call.put(URL, { code: form.code.trim() })).data.recovery_codes;
    }
    const password = () => html`<p>${t("totp.password")}</p>
      <${Field} label=${t("signin.password")}>${(given) => html`<input ...${given} name="password" type="password" autofocus autocomplete="current-password" ...${bind(form, "password")} />`}</${Field}>`;
    const secret = () => html`<p>${t("totp.scan")}</p>
      <${Qr} text=${made.value.uri} label=${t("totp.picture")} />
      <p class="small quiet">${t("totp.type")}</p>
      <p class="row secret-line"><code id="totp-secret">${grouped(made.value.secret)}</code><${Copy} text=${made.value.secret} /></p>
      <${Field} label=${t("totp.first")}>${(given) => html`<input ...${given} ref=${codeField} name="code" inputmode="numeric" autocomplete="one-time-code" ...${bind(form, "code")} />`}</${Field}>`;
    const done = () => html`<${Notice} kind="good">${t("totp.isOn")}</${Notice}>
      <p>${t("totp.codes")}</p><ul class="codes mono">${codes.value.map((code) => html`<li key=${code}>${code}</li>`)}</ul>
      <div class="row"><${Copy} text=${codes.value.join("\n")} label=${t("totp.codes.copy")} words /></div>`;
    return () => {
      const asksCode = made.value !== null;
      return html`<${Ask} title=${t("totp.on")} go=${t(asksCode ? "totp.on.go" : "totp.on.next")} act=${() => (asksCode ? confirmIt() : begin())}
        ready=${Boolean(asksCode ? form.code.trim() : form.password)} onClose=${() => emit("close")}>${{ default: () => (asksCode ? secret() : password()), done }}</${Ask}>`;
    };
  },
};
