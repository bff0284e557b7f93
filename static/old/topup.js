// Redeeming a code.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { t } from "./i18n.js";
import { money, parseUsd } from "./money.js";
import { done, failure } from "./notice.js";
import { nanoOfQuota } from "./session.js";

/** The credited value: the exact amount where the server sends one, else One API's quota. */
function credited(answer) {
  return typeof answer.amount === "string" ? parseUsd(answer.amount) : nanoOfQuota(answer.data);
}

async function redeem(session, input, says, button, onCredited) {
  const key = input.value.trim();
  if (!key) {
    fill(says, h("p.notice.warning", { role: "alert" }, t("redeem.needs")));
    input.focus();
    return;
  }
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    const answer = await session.guard(() => api.post("/api/user/topup", { key }));
    fill(says, done(t("redeem.done"), money(credited(answer), { signed: true })));
    input.value = "";
    onCredited();
  } catch (error) {
    if (error.status >= 400 && error.status < 500 && error.status !== 429) error.message = t("redeem.refused", { reason: error.message });
    fill(says, failure(error));
    input.select();
  }
  button.setAttribute("aria-disabled", "false");
}

/** Where codes are sold, if the operator says so: One API's link, told who buys and in which transaction. */
function shop(session) {
  const { top_up_link: link } = session.status;
  if (!link || !URL.canParse(link)) return null;
  const address = new URL(link);
  if (!["http:", "https:"].includes(address.protocol)) return null;
  const { username, id } = session.user;
  const told = { username, user_id: id, transaction_id: crypto.randomUUID?.() ?? String(Date.now()) };
  for (const [name, value] of Object.entries(told)) address.searchParams.append(name, String(value));
  return h("p.small", {}, h("a", { href: address.href, target: "_blank", rel: "noopener noreferrer", id: "shop" }, t("redeem.shop")));
}

export function openTopup(session, onCredited) {
  const says = h("div", {});
  const input = h("input.mono", { name: "code", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const go = h("button.button.primary", { type: "submit" }, t("redeem.go"));
  const form = h("form.stack", { novalidate: true },
    h("div", {}, h("h2", { id: "topup-title" }, t("redeem")), h("p.quiet", {}, t("redeem.hint"))),
    h("label.field", {}, h("span", {}, t("redeem.code")), input),
    shop(session),
    says,
    h("div.row.end", {},
      h("button.button", { type: "button", on: { click: () => dialog.close() } }, t("close")), go));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    redeem(session, input, says, go, onCredited);
  });
  const dialog = h("dialog.small-dialog", { "aria-labelledby": "topup-title" }, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}
