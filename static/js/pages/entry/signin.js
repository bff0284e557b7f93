// Signing in, and what can be said about the gateway to someone who has not.
import { nextTick, onMounted, reactive, ref } from "vue";
import { t } from "../../core/i18n.js";
import { useAction } from "../../core/load.js";
import { address, session, signIn } from "../../core/session.js";
import { bind, html } from "../../html.js";
import { Failure, Notice } from "../../parts/Failure.js";
import { Field } from "../../parts/Field.js";
import { Facts } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";

const SAID = { 401: "signin.wrong", 403: "signin.barred", 429: "signin.slow" };

/** The refusal in the reader's words; the server's own words where we have none. */
function inWords(error, hadCode) {
  const said = error.needs === "code" && hadCode ? "signin.wrongcode" : SAID[error.status];
  if (said) error.message = t(said, { reason: error.message });
  return error;
}

export default {
  name: "SignIn",
  setup() {
    const form = reactive({ username: "", password: "", code: "" });
    const fields = ref(null);
    const asksCode = ref(false);
    const missing = ref(false);
    const focus = (name) => nextTick(() => fields.value?.elements[name]?.focus());
    onMounted(() => focus("username"));
    const { busy, error, act } = useAction(async () => {
      missing.value = !form.username.trim() || !form.password;
      if (missing.value) return focus(form.username.trim() ? "password" : "username");
      try {
        await signIn(form.username.trim(), form.password, form.code.trim());
      } catch (problem) {
        const first = problem.needs === "code" && !form.code;
        if (problem.needs === "code") asksCode.value = true;
        focus(problem.needs === "code" ? "code" : "password");
        if (!first) throw inWords(problem, form.code);
      }
    });
    const facts = () => [
      [t("status.version"), session.status.version],
      [t("status.since"), session.status.start_time ? html`<${Time} at=${session.status.start_time} />` : null],
      [t("status.api"), html`<span class="mono">${address()}/v1</span>`],
    ];
    return () => html`<div class="signin">
      <form ref=${fields} novalidate onSubmit=${(event) => { event.preventDefault(); act(); }}>
        <h1>${t("signin.title")}</h1>
        ${session.ended ? html`<${Notice} kind="warning">${t("error.ended")}</${Notice}>` : null}
        ${missing.value ? html`<${Notice} kind="warning">${t("signin.needs")}</${Notice}>` : null}
        ${asksCode.value && !error.value ? html`<${Notice}>${t("signin.code")}</${Notice}>` : null}
        <${Failure} error=${error.value} />
        <${Field} label=${t("signin.username")}>${(given) => html`<input ...${given} name="username" autocomplete="username" autocapitalize="none" spellcheck="false" ...${bind(form, "username")} />`}</${Field}>
        <${Field} label=${t("signin.password")}>${(given) => html`<input ...${given} name="password" type="password" autocomplete="current-password" ...${bind(form, "password")} />`}</${Field}>
        ${asksCode.value ? html`<${Field} label=${t("signin.codefield")}>${(given) => html`<input ...${given} name="code" autocomplete="one-time-code" autocapitalize="characters" ...${bind(form, "code")} />`}</${Field}>` : null}
        <button type="submit" class="button primary" aria-disabled=${busy.value ? "true" : null}>${busy.value ? t("signin.going") : t("signin.go")}</button>
      </form>
      <${Facts} pairs=${facts()} />
    </div>`;
  },
};
