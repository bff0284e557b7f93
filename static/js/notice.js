// What the page says when something went wrong, or right.
import { h, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";

/** An error in words, with the id to quote and a way to try again. */
export function failure(error, { retry } = {}) {
  const id = error.requestId;
  return h("div.notice.danger", { role: "alert" },
    icon("alert"),
    h("div", {},
      h("p", {}, error.message),
      id ? h("p.small", {}, t("error.request"), " ", h("code", {}, id), " ", copyButton(() => id, { label: t("error.copyId") })) : null),
    retry ? h("button.button.tiny", { type: "button", on: { click: retry } }, t("error.retry")) : null);
}

export const done = (...text) => h("div.notice.good", { role: "status" }, icon("check"), h("div", {}, text));
