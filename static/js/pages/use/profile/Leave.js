// Deleting one's own account. The name is typed, so that nobody does it by a slip.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { call, isRoot, session, signOut } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { Field } from "../../../parts/Field.js";
import { Money } from "../../../parts/Money.js";
import { Section } from "./Section.js";

const LeaveDialog = {
  name: "LeaveDialog",
  emits: ["close"],
  setup(_, { emit }) {
    const form = reactive({ name: "" });
    async function act() {
      await call.remove("/api/user/self");
      await signOut();
    }
    return () => html`<${Ask} title=${t("leave")} go=${t("leave.go")} danger act=${act} ready=${form.name === session.user?.username} onClose=${() => emit("close")}>
      <p>${t("leave.lost")} <${Money} nano=${session.balance} down /></p><p>${t("leave.books")}</p>
      <${Field} label=${t("leave.name", { name: session.user?.username })}>${(given) => html`<input ...${given} name="name" autofocus autocomplete="off" autocapitalize="none" spellcheck="false" ...${bind(form, "name")} />`}</${Field}>
    </${Ask}>`;
  },
};

export const Leave = {
  name: "Leave",
  setup() {
    const asking = ref(false);
    return () => (isRoot.value ? null : html`<${Section} title=${t("leave")} text=${t("leave.text")}>
      <div class="row"><button type="button" class="button" id="leave" onClick=${() => { asking.value = true; }}>${t("leave.open")}</button></div>
      ${asking.value ? html`<${LeaveDialog} onClose=${() => { asking.value = false; }} />` : null}
    </${Section}>`);
  },
};
