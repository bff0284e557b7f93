// What the page says when something went wrong, or right.
import { h, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** An error in words, with the id to quote and a way to try again. */
export function failure(error, { retry } = {}) {
  const id = error.requestId;
  return h("div.notice.danger", { role: "alert" },
    icon("alert"),
    h("div", {},
      h("p", {}, sentence(error.message)),
      error.detail ? h("p.small", {}, sentence(error.detail)) : null,
      id ? h("p.request.small", {}, t("error.request"), h("code", {}, id), copyButton(() => id, { label: t("error.copyId") })) : null),
    retry ? h("button.button.tiny", { type: "button", on: { click: retry } }, t("error.retry")) : null);
}

export const done = (...text) => h("div.notice.good", { role: "status" }, icon("check"), h("div", {}, text));
