// For an address that is none, or none for this person.
import { RouterLink } from "vue-router";
import { t } from "../core/i18n.js";
import { html } from "../html.js";
import { Empty, Page } from "./Page.js";

export const Missing = {
  name: "Missing",
  setup: () => () => html`<${Page} title=${t("nav.missing")}><${Empty} title=${t("missing.title")} text=${t("missing.text")}>
    <${RouterLink} class="button" to="/">${t("missing.home")}</${RouterLink}></${Empty}></${Page}>`,
};
