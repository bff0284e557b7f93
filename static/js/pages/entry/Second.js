// One more step: the code of the authenticator, after another service vouched for who has the ticket.
import { reactive } from "vue";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { html } from "../../html.js";
import { comeIn } from "./arrival.js";
import { EntryForm, entryField } from "./EntryForm.js";

export const codeAttributes = { autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false" };

export const Second = {
  name: "Second",
  props: { ticket: { type: String, required: true } },
  emits: ["done"],
  setup(props, { emit }) {
    const form = reactive({ code: "" });
    async function act() {
      await comeIn(() => api.post("/api/user/login/second", { ticket: props.ticket, code: form.code.trim() }));
      emit("done");
    }
    return () => html`<${EntryForm} key="second" title=${t("others.second")} go=${t("signin.go")} act=${act} first=${{ kind: "info", text: t("signin.code") }}>${() =>
      entryField(form, "code", t("signin.codefield"), codeAttributes)}</${EntryForm}>`;
  },
};
