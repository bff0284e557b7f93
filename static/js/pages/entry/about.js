// About: the operator's text or page; where there is none, what runs here.
import { t } from "../../core/i18n.js";
import { address, session, systemName } from "../../core/session.js";
import { html } from "../../html.js";
import { Facts, Page } from "../../parts/Page.js";
import { Time } from "../../parts/Time.js";
import { OperatorText } from "./OperatorText.js";

const facts = () => [
  [t("status.version"), session.status.version],
  [t("status.since"), session.status.start_time ? html`<${Time} at=${session.status.start_time} />` : null],
  [t("status.api"), html`<span class="mono">${address()}/v1</span>`],
];

export default {
  name: "About",
  setup: () => () => html`<${OperatorText} name="about" title=${t("nav.about")}>${() => html`
    <${Page} title=${t("about.title", { name: systemName.value })}>${() => html`
      <div class="prose"><p>${t("about.gateway")}</p><p>${t("about.books")}</p><p>${t("about.proof")}</p></div>
      <${Facts} pairs=${facts()} />`}</${Page}>`}</${OperatorText}>`,
};
