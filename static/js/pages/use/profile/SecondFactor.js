// Codes of an authenticator, asked for at each sign-in: on with password and a first code, off with a code.
import { onMounted, reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { say } from "../../../parts/confirm.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { SwitchOn } from "./SwitchOn.js";
import { Section } from "./Section.js";

const URL = "/api/user/totp";

const SwitchOff = {
  name: "SwitchOff",
  emits: ["close"],
  setup(_, { emit }) {
    const form = reactive({ code: "" });
    const act = async () => { await call.remove(URL, undefined, { body: { code: form.code.trim() } }); say(t("totp.isOff")); };
    return () => html`<${Ask} title=${t("totp.off")} go=${t("totp.off.go")} danger act=${act} ready=${Boolean(form.code.trim())} onClose=${() => emit("close")}>
      <p>${t("totp.off.text")}</p>
      <${Field} label=${t("totp.code")} hint=${t("totp.code.hint")}>${(given) => html`<input ...${given} name="code" autofocus autocomplete="one-time-code" spellcheck="false" ...${bind(form, "code")} />`}</${Field}>
    </${Ask}>`;
  },
};

export const SecondFactor = {
  name: "SecondFactor",
  setup() {
    const asking = ref("");
    const { data, error, run } = useLoad(async (signal) => (await call.get(URL, {}, { signal })).data);
    onMounted(run);
    const done = () => { asking.value = ""; run(); };
    const button = (what) => html`<button type="button" class="button" id=${`totp-${what}`} onClick=${() => { asking.value = what; }}>${t(`totp.${what}.open`)}</button>`;
    const state = ({ enabled, recovery_codes_left: left }) => html`<p>${enabled ? t("totp.on.state", { count: left }) : t("totp.off.state")}</p><div class="row">${button(enabled ? "off" : "on")}</div>`;
    return () => html`<${Section} title=${t("totp")} text=${t("totp.text")}>
      <${Failure} error=${error.value} retry=${run} />
      ${data.value ? state(data.value) : null}
      ${asking.value === "on" ? html`<${SwitchOn} onClose=${done} />` : null}
      ${asking.value === "off" ? html`<${SwitchOff} onClose=${done} />` : null}
    </${Section}>`;
  },
};
