// Signing up: with a code by mail where addresses are verified, with an invitation where the address holds one.
import { reactive, ref } from "vue";
import { useRoute } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { nanoOfQuota, session, signIn } from "../../core/session.js";
import { html } from "../../html.js";
import { Money } from "../../parts/Money.js";
import { Empty, Page } from "../../parts/Page.js";
import { EntryForm, entryField } from "./EntryForm.js";
import { Others } from "./Others.js";
import { codeAttributes } from "./Second.js";

const NAME = { autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 30 };
const PASSWORD = { type: "password", autocomplete: "new-password" };
const MAIL = { type: "email", autocomplete: "email", autocapitalize: "none" };

/** What a new user gets, if anything: for signing up, and more for having been invited. */
function gift(invited) {
  const { quota_for_new_user: all = 0, quota_for_invitee: more = 0 } = session.status;
  const quota = BigInt(all) + (invited ? BigInt(more) : 0n);
  if (!invited && !quota) return null;
  return html`<p class="small quiet">${invited ? `${t("join.invited")} ` : null}${quota ? html`${t("join.gift")} <${Money} nano=${nanoOfQuota(quota)} />` : null}</p>`;
}

function domainsHint() {
  const domains = session.status.email_domains ?? [];
  return domains.length ? t("join.domains", { domains: domains.join(t("comma")) }) : "";
}

export default {
  name: "Join",
  setup() {
    const route = useRoute();
    const form = reactive({ username: "", password: "", email: "", code: "" });
    const sent = ref(false);
    async function send(params) {
      if (!form.email.trim()) return { kind: "warning", text: t("join.needsMail") };
      await api.get("/api/verification", { email: form.email.trim(), ...params });
      sent.value = true;
      return t("join.sent");
    }
    async function act(params) {
      const username = form.username.trim();
      const proof = { email: form.email.trim(), verification_code: form.code.trim() };
      await api.post("/api/user/register", { username, password: form.password, ...proof, aff_code: String(route.query.aff ?? "") }, { params });
      await signIn(username, form.password, "");
    }
    const proof = (attempt) => html`
      ${entryField(form, "email", t("join.email"), MAIL, domainsHint())}
      <button type="button" class="button" id="send-code" onClick=${() => attempt(send)}>${t(sent.value ? "join.sendAgain" : "join.send")}</button>
      ${entryField(form, "code", t("join.code"), codeAttributes)}`;
    const closed = () => html`<${Page} title=${t("nav.join")}><${Empty} title=${t("join.closed")} text=${t("join.closedText")}><${Others} /></${Empty}></${Page}>`;
    return () => (session.status.register && session.status.password_register ? html`
      <${EntryForm} title=${t("join.title")} go=${t("join.go")} act=${act} here="join" others>${{
        default: (attempt) => html`
          ${gift(Boolean(route.query.aff))}
          ${entryField(form, "username", t("signin.username"), NAME)}
          ${entryField(form, "password", t("join.password"), PASSWORD, t("password.hint"))}
          ${session.status.email_verification ? proof(attempt) : null}`,
      }}</${EntryForm}>` : closed());
  },
};
