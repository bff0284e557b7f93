// One's own keys.
import * as api from "./api.js";
import { h, fill, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { figures } from "./figures.js";
import { t, word } from "./i18n.js";
import { money, nanoOf } from "./money.js";
import { failure } from "./notice.js";
import { nanoOfQuota } from "./session.js";
import { fullKey, secret, snippet } from "./snippet.js";
import { cell, skeleton, table } from "./table.js";
import { when } from "./time.js";

const ACTIVE = 1;
const NEVER = -1;

const columns = () => [
  { id: "name", label: t("keys.name"), class: "wide" },
  { id: "key", label: t("keys.key") },
  { id: "status", label: t("keys.status") },
  { id: "created", label: t("keys.created") },
  { id: "expires", label: t("keys.expires") },
  { id: "left", label: t("keys.left"), number: true },
  { id: "spent", label: t("keys.spent"), number: true, class: "amount" },
];

function statusWord({ status }) {
  const text = word("keys.status", status);
  return status === ACTIVE ? text : h("span.word.warning", {}, icon("alert"), text);
}

const exactOr = (key, name, quota) => nanoOf(key, name) ?? nanoOfQuota(key[quota]);

const CELLS = {
  name: (key) => key.name,
  key: (key) => h("span.row", {}, secret(key), copyButton(() => fullKey(key), { label: t("keys.copy", { name: key.name }) })),
  status: statusWord,
  created: (key) => when(key.created_time, { day: true }),
  expires: (key) => (key.expired_time === NEVER ? t("keys.never") : when(key.expired_time, { day: true })),
  left: (key) => (key.unlimited_quota ? h("span.quiet", {}, t("keys.unlimited")) : money(exactOr(key, "remain", "remain_quota"), { down: true })),
  spent: (key) => money(exactOr(key, "used", "used_quota"), { column: true }),
};

const LIMITS = ["rpm", "tpm", "concurrency"];

// Left empty they are 0, which is no limit.
function limitFields() {
  const inputs = LIMITS.map((name) => h("input", { name, type: "number", min: 0, step: 1, inputmode: "numeric", autocomplete: "off" }));
  const node = h("details", {}, h("summary", {}, t("keys.limits")),
    h("div.stack", {}, LIMITS.map((name, place) => h("label.field", {}, h("span", {}, t(`keys.limits.${name}`)), inputs[place]))));
  const values = () => Object.fromEntries(LIMITS.map((name, place) => [name, Math.trunc(inputs[place].valueAsNumber) || 0]));
  return { node, values };
}

function newKeyDialog(session, onMade) {
  const says = h("div", {});
  const input = h("input", { name: "keyname", maxlength: 30, autocomplete: "off" });
  const limits = limitFields();
  const go = h("button.button.primary", { type: "submit" }, t("keys.create"));
  const form = h("form.stack", { novalidate: true },
    h("div", {}, h("h2", { id: "newkey-title" }, t("keys.new")), h("p.quiet", {}, t("keys.nameHint"))),
    h("label.field", {}, h("span", {}, t("keys.name")), input), limits.node, says,
    h("div.row.end", {}, h("button.button", { type: "button", on: { click: () => dialog.close() } }, t("cancel")), go));
  const dialog = h("dialog.small-dialog", { "aria-labelledby": "newkey-title" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) return fill(says, h("p.notice.warning", { role: "alert" }, t("keys.needsName")));
    if (go.getAttribute("aria-disabled") === "true") return;
    go.setAttribute("aria-disabled", "true");
    try {
      await session.guard(() => api.post("/api/token/", { name, unlimited_quota: true, expired_time: NEVER, ...limits.values() }));
      dialog.close();
      onMade();
    } catch (error) {
      fill(says, failure(error));
      go.setAttribute("aria-disabled", "false");
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}

export class KeysPage {
  constructor(session) {
    this.session = session;
  }

  mount() {
    this.shape = columns();
    this.table = table(this.shape, t("keys.caption"));
    this.below = h("div", { "aria-live": "polite" });
    this.figures = figures(this.session, {});
    this.dispose = () => this.figures.dispose();
    const make = () => newKeyDialog(this.session, () => this.reload());
    const bar = h("div.bar", {}, h("p.lead.quiet", {}, t("keys.lead")),
      h("button.button.primary.end", { type: "button", id: "newkey", on: { click: make } }, t("keys.new")));
    this.reload();
    return h("div", {}, h("h1.visually-hidden", {}, t("keys.title")), this.figures.node, bar, this.table.node, this.below);
  }

  route() {}

  async reload() {
    const { session } = this;
    if (!session.keys) fill(this.table.body, skeleton(this.shape, 3));
    try {
      await Promise.all([session.loadKeys(), session.models.length ? null : session.loadModels()]);
      this.show();
    } catch (error) {
      fill(this.table.body);
      if (error.kind !== "signedout") fill(this.below, failure(error, { retry: () => this.reload() }));
    }
  }

  show() {
    const { keys } = this.session;
    this.table.node.hidden = !keys.length;
    fill(this.table.body, keys.map((key) => h("tr", { role: "row" }, this.shape.map((column) => cell(column, CELLS[column.id](key))))));
    const first = keys.find((key) => key.status === ACTIVE);
    fill(this.below, h("div.next", {},
      h("h2", {}, t(first ? "keys.first" : "keys.empty")),
      first ? snippet(this.session, first) : h("p.quiet", {}, t("keys.empty.next"))));
  }
}
