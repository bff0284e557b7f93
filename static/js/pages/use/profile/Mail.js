// The address that reminders and new passwords go to: proved by a code.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { call, resume, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { say } from "../../../parts/confirm.js";
import { Failure, Notice } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { useRobotCheck } from "../../entry/robot.js";
import { Section } from "./Section.js";

const MailDialog = {
  name: "MailDialog",
  emits: ["close"],
  setup(_, { emit }) {
    const form = reactive({ email: "", code: "" });
    const sent = ref(false);
    const robot = useRobotCheck();
    const { busy, error, act: send } = useAction(async () => {
      try {
        await call.get("/api/verification", { email: form.email.trim(), ...robot.params() });
        sent.value = true;
      } finally {
        robot.again();
      }
    });
    async function bindIt() {
      await call.get("/api/oauth/email/bind", { email: form.email.trim(), code: form.code.trim() });
      await resume();
      say(t("mail.bound"));
    }
    const ready = () => Boolean(sent.value && form.email.trim() && form.code.trim());
    return () => html`<${Ask} title=${t("mail.bind")} go=${t("mail.go")} act=${bindIt} ready=${ready()} onClose=${() => emit("close")}>
      <${Field} label=${t("join.email")}>${(given) => html`<input ...${given} name="email" type="email" autocomplete="email" autocapitalize="none" autofocus ...${bind(form, "email")} />`}</${Field}>
      ${robot.node()}
      <div class="row"><button type="button" class="button" id="send-code" disabled=${!form.email.trim() || busy.value} onClick=${send}>${t(sent.value ? "join.sendAgain" : "join.send")}</button></div>
      <${Failure} error=${error.value} />
      ${sent.value && !error.value ? html`<${Notice} kind="good">${t("join.sent")}</${Notice}>` : null}
      <${Field} label=${t("join.code")}>${(given) => html`<input ...${given} name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" ...${bind(form, "code")} />`}</${Field}>
    </${Ask}>`;
  },
};

export const Mail = {
  name: "Mail",
  setup() {
    const asking = ref(false);
    return () => {
      const { email } = session.user;
      const { mail: works } = session.status;
      return html`<${Section} title=${t("join.email")} text=${t("mail.text")}>
        <div class="row"><span class=${{ quiet: !email }}>${email || t("mail.none")}</span>
          ${works ? html`<button type="button" class="button tiny" id="bind-mail" onClick=${() => { asking.value = true; }}>${t(email ? "mail.change" : "mail.bind")}</button>` : null}</div>
        ${works ? null : html`<p class="small quiet">${t("mail.off")}</p>`}
        ${asking.value ? html`<${MailDialog} onClose=${() => { asking.value = false; }} />` : null}
      </${Section}>`;
    };
  },
};
