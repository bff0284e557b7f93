// Signing in, and what can be said about the gateway to someone who has not.
import { reactive, ref } from "vue";
import { t } from "../../core/i18n.js";
import { address, session, signIn } from "../../core/session.js";
import { html } from "../../html.js";
import { Notice } from "../../parts/Failure.js";
import { Facts } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { EntryForm, entryField } from "./EntryForm.js";
import { Others } from "./Others.js";
import { codeAttributes } from "./Second.js";

const SAID = { 401: "signin.wrong", 403: "signin.barred", 429: "signin.slow" };
const NAME = { autocomplete: "username", autocapitalize: "none", spellcheck: "false" };

/** The refusal in the reader's words; the server's own words where we have none. */
function inWords(error, hadCode) {
  const said = error.needs === "code" && hadCode ? "signin.wrongcode" : SAID[error.status];
  if (said) error.message = t(said, { reason: error.message });
  return error;
}

const facts = () => [
  [t("status.version"), session.status.version],
  [t("status.since"), session.status.start_time ? html`<${Time} at=${session.status.start_time} />` : null],
  [t("status.api"), html`<span class="mono">${address()}/v1</span>`],
];

/** Where passwords are switched off, only the other services are offered. */
const onlyOthers = () => html`<div class="signin"><h1>${t("signin.title")}</h1>
  ${session.ended ? html`<${Notice} kind="warning">${t("error.ended")}</${Notice}>` : null}<p>${t("signin.others")}</p>
  <${Others} /><${Facts} pairs=${facts()} /></div>`;

export default {
  name: "SignIn",
  setup() {
    const form = reactive({ username: "", password: "", code: "" });
    const asksCode = ref(false);
    const first = session.ended ? { kind: "warning", text: t("error.ended") } : null;
    async function act(robot, focus) {
      const code = form.code.trim();
      try {
        await signIn(form.username.trim(), form.password, code, robot);
      } catch (error) {
        const owed = error.needs === "code";
        asksCode.value ||= owed;
        focus(owed ? "code" : "password");
        if (!owed || code) throw inWords(error, code);
        return { kind: "info", text: t("signin.code") };
      }
    }
    if (session.status.password_login === false && session.status.sign_in_through?.length) return onlyOthers;
    return () => html`<${EntryForm} title=${t("signin.title")} go=${t("signin.go")} going=${t("signin.going")} act=${act} here="signin" others needs=${t("signin.needs")} first=${first}>${{
      default: () => html`
        ${entryField(form, "username", t("signin.username"), NAME)}
        ${entryField(form, "password", t("signin.password"), { type: "password", autocomplete: "current-password" })}
        ${asksCode.value ? entryField(form, "code", t("signin.codefield"), codeAttributes) : null}`,
      foot: () => html`<${Facts} pairs=${facts()} />`,
    }}</${EntryForm}>`;
  },
};
