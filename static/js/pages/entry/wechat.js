// WeChat: a word to an official account is answered by a code.
import { reactive, ref } from "vue";
import { useRoute, useRouter } from "vue-router";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { session } from "../../core/session.js";
import { html } from "../../html.js";
import { afterSignIn } from "../../router.js";
import { comeIn } from "./arrival.js";
import { EntryForm, entryField } from "./EntryForm.js";
import { codeAttributes, Second } from "./Second.js";

/** The account's QR code as the operator gave it: an address, or nothing. */
export function wechatPicture() {
  const picture = session.status.wechat_qrcode ?? "";
  if (/^https:\/\//.test(picture)) return html`<img class="qr" src=${picture} alt=${t("others.picture")} width="160" height="160" />`;
  return /^http:\/\//.test(picture) ? html`<p class="small"><a href=${picture} target="_blank" rel="noreferrer">${t("others.picture")}</a></p>` : null;
}

export default {
  name: "WeChat",
  setup() {
    const route = useRoute();
    const router = useRouter();
    const form = reactive({ code: "" });
    const ticket = ref("");
    const next = afterSignIn();
    async function act() {
      const came = await comeIn(() => api.get("/api/oauth/wechat", { code: form.code.trim(), aff: String(route.query.aff ?? "") }));
      ticket.value = came.ticket ?? "";
    }
    return () => (ticket.value ? html`<${Second} ticket=${ticket.value} onDone=${() => router.replace(next)} />` : html`
      <${EntryForm} title=${t("others.wechat_title")} go=${t("signin.go")} act=${act} here="wechat">${() => html`
        <p class="small">${t("others.wechat_how")}</p>${wechatPicture()}${entryField(form, "code", t("others.code"), codeAttributes)}`}</${EntryForm}>`);
  },
};
