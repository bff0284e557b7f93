// Other services that vouch for one: bound and unbound.
import { reactive, ref } from "vue";
import { t } from "../../../core/i18n.js";
import { useAction } from "../../../core/load.js";
import { call, resume, session } from "../../../core/session.js";
import { bind, html } from "../../../html.js";
import { Ask } from "../../../parts/Ask.js";
import { confirm, say } from "../../../parts/confirm.js";
import { Failure } from "../../../parts/Failure.js";
import { Field } from "../../../parts/Field.js";
import { leaveFor } from "../../entry/Others.js";
import { wechatPicture } from "../../entry/wechat.js";
import { Section } from "./Section.js";

const SERVICES = ["github", "lark", "oidc", "wechat"];
const boundAs = (name) => session.user[`${name}_id`] || "";

const WeChatDialog = {
  name: "WeChatDialog",
  emits: ["close"],
  setup(_, { emit }) {
    const form = reactive({ code: "" });
    async function act() {
      await call.get("/api/oauth/wechat/bind", { code: form.code.trim() });
      await resume();
      say(t("others.bound", { service: t("others.wechat") }));
    }
    return () => html`<${Ask} title=${t("ways.bind", { service: t("others.wechat") })} go=${t("ways.go")} act=${act} ready=${Boolean(form.code.trim())} onClose=${() => emit("close")}>
      <p>${t("others.wechat_how")}</p>${wechatPicture()}
      <${Field} label=${t("others.code")}>${(given) => html`<input ...${given} name="code" autofocus autocomplete="one-time-code" ...${bind(form, "code")} />`}</${Field}>
    </${Ask}>`;
  },
};

function unbind(name) {
  const service = t(`others.${name}`);
  return confirm({
    title: t("ways.unbind", { service }), text: t("ways.unbind.text", { service }), go: t("ways.unbind.go"),
    act: async () => { await call.remove(`/api/oauth/${name}/bind`); await resume(); },
  });
}

export const Ways = {
  name: "Ways",
  setup() {
    const wechat = ref(false);
    const { error, act: begin } = useAction((name) => (name === "wechat" ? (wechat.value = true) : leaveFor(name, { next: "/profile" })));
    const row = (name, open) => {
      const bound = boundAs(name);
      return html`<li class="spread" key=${name}><span>${t(`others.${name}`)} <span class="small quiet">${bound ? html`<code>${bound}</code>` : t("ways.unbound")}</span></span>
        ${bound ? html`<button type="button" class="button tiny" onClick=${() => unbind(name)}>${t("ways.unbind.go")}</button>` : null}
        ${!bound && open ? html`<button type="button" class="button tiny" id=${`bind-${name}`} onClick=${() => begin(name)}>${t("ways.go")}</button>` : null}</li>`;
    };
    return () => {
      const open = session.status.sign_in_through ?? [];
      const shown = SERVICES.filter((name) => open.includes(name) || boundAs(name));
      return shown.length ? html`<${Section} title=${t("ways")} text=${t("ways.text")}>
        <ul class="lines">${shown.map((name) => row(name, open.includes(name)))}</ul>
        <${Failure} error=${error.value} />
        ${wechat.value ? html`<${WeChatDialog} onClose=${() => { wechat.value = false; }} />` : null}
      </${Section}>` : null;
    };
  },
};
