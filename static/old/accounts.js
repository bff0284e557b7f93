// Whose statement: one's own account or one of one's keys; admins name any account.
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** "laptop" for one's own key, else the account as the books name it. */
export function accountName(session, account) {
  if (account === session.account()) return t("statement.own");
  const key = session.keys?.find((one) => `key:${one.id}` === account);
  return key ? key.name : account;
}

const choices = (session) => [session.account(), ...(session.keys ?? []).map((key) => `key:${key.id}`)];

function picker(session, onChoose) {
  const select = h("select", { name: "account", on: { change: () => onChoose(select.value) } });
  const show = (account) => {
    const all = choices(session);
    // A key that was deleted still has its statement.
    if (!all.includes(account)) all.push(account);
    select.replaceChildren(...all.map((name) => h("option", { value: name, selected: name === account }, accountName(session, name))));
  };
  return { node: h("label.field.silent", {}, h("span", {}, t("statement.account")), select), show };
}

function entry(session, onChoose) {
  const list = h("datalist", { id: "accounts" });
  const input = h("input.mono", { name: "account", list: "accounts", placeholder: "user:42", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  input.addEventListener("change", () => onChoose(input.value.trim() || session.account()));
  const show = (account) => {
    list.replaceChildren(...choices(session).map((name) => h("option", { value: name, label: accountName(session, name) })));
    if (document.activeElement !== input) input.value = account;
  };
  return { node: h("label.field.silent", {}, h("span", {}, t("statement.account")), input, list), show };
}

export function accountControl(session, first, onChoose) {
  const control = (session.isAdmin() ? entry : picker)(session, onChoose);
  let account = first;
  const show = (next = account) => {
    account = next;
    control.show(account);
  };
  show();
  const keys = session.keys;
  const dispose = session.onChange(() => { if (session.keys !== keys) show(); });
  return { node: control.node, show, dispose };
}
