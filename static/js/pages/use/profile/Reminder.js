// What the gateway writes by itself when the balance runs low.
import { RouterLink } from "vue-router";
import { t } from "../../../core/i18n.js";
import { nanoOfQuota, session } from "../../../core/session.js";
import { html } from "../../../html.js";
import { Money } from "../../../parts/Money.js";
import { Section } from "./Section.js";

export const Reminder = {
  name: "Reminder",
  setup: () => () => {
    const { mail, quota_remind_threshold: threshold } = session.status;
    if (!mail || !threshold) return null;
    const { email } = session.user;
    return html`<${Section} title=${t("remind")} text=${t("remind.text")}>
      <p>${t("remind.below")} <${Money} nano=${nanoOfQuota(threshold)} /></p>
      <p class="small quiet">${email ? t("remind.to", { email }) : t("remind.nowhere")} <${RouterLink} to="/topup">${t("nav.topup")}</${RouterLink}></p>
    </${Section}>`;
  },
};
