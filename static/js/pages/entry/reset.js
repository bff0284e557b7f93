// A forgotten password: asks for a link by mail; with the link's token in the address, sets a new one.
import { reactive } from "vue";
import { useRoute, useRouter } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { say } from "../../parts/confirm.js";
import { EntryForm, entryField } from "./EntryForm.js";

const MAIL = { type: "email", autocomplete: "email", autocapitalize: "none" };

export default {
  name: "Reset",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const form = reactive({ email: "", password: "" });
    async function ask(params) {
      await api.get("/api/reset_password", { email: form.email.trim(), ...params });
      return t("reset.sent");
    }
    async function set() {
      const { email, token } = route.query;
      await api.post("/api/user/reset", { email: String(email ?? ""), token: String(token), password: form.password });
      await router.replace("/signin");
      say(t("reset.done"));
    }
    const asking = () => html`<${EntryForm} key="ask" title=${t("reset.title")} go=${t("reset.ask")} act=${ask} here="reset">${() =>
      entryField(form, "email", t("join.email"), MAIL)}</${EntryForm}>`;
    const setting = () => html`<${EntryForm} key="set" title=${t("reset.title")} go=${t("reset.set")} act=${set} here="reset">${() =>
      entryField(form, "password", t("join.password"), { type: "password", autocomplete: "new-password" }, t("password.hint"))}</${EntryForm}>`;
    return () => (route.query.token ? setting() : asking());
  },
};
