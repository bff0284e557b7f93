// What one is called, and what the gateway knows of the account.
import { reactive } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { call, resume, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { say } from "../../../parts/confirm.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { Facts } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";
import { Section } from "./Section.js";

const LONGEST = 30;
const LONGEST_SHOWN = 20;

const facts = ({ id, role, group, created_time: created }) => [
  [t("profile.id"), String(id)],
  [t("profile.role"), t(`profile.role.${role}`)],
  [t("column.group"), group],
  [t("profile.since"), created ? html`<${Time} at=${created} day />` : null],
];

export const Account = {
  name: "Account",
  setup() {
    const { username, display_name } = session.user;
    const form = reactive({ username, display_name });
    const changed = () => form.username.trim() !== session.user.username || form.display_name.trim() !== session.user.display_name;
    const { busy, error, act } = useAction(async () => {
      await call.put("/api/user/self", { username: form.username.trim(), display_name: form.display_name.trim() });
      await resume();
      say(t("saved"));
    });
    const submit = (event) => { event.preventDefault(); if (changed()) act(); };
    return () => html`<${Section} title=${t("profile.account")} text=${t("profile.account.text")}>
      <form class="stack" onSubmit=${submit}>
        <div class="fields">
          <${Field} label=${t("profile.displayName")}>${(given) => html`<input ...${given} name="display_name" required maxlength=${LONGEST_SHOWN} ...${bind(form, "display_name")} />`}</${Field}>
          <${Field} label=${t("signin.username")} hint=${t("profile.username.hint")}>${(given) => html`<input ...${given} name="username" required maxlength=${LONGEST} autocapitalize="none" spellcheck="false" ...${bind(form, "username")} />`}</${Field}>
        </div>
        <${Failure} error=${error.value} />
        <div class="row"><button type="submit" class="button" id="save-account" aria-disabled=${busy.value || !changed() ? "true" : null}>${t("save")}</button></div>
      </form>
      <${Facts} pairs=${facts(session.user)} />
    </${Section}>`;
  },
};
