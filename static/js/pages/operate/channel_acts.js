// What can be done with one channel from its row, and with all of them from the head of the page.
import { t } from "../../core/i18n.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { say } from "../../parts/confirm.js";
import { Icon } from "../../parts/Icon.js";
import { Menu } from "../../parts/Menu.js";
import { deleteDisabled, deleteThem, switchThem } from "./channel_bulk.js";
import { ON } from "./channel_list.js";
import { balanceText } from "./channel_status.js";

const item = (icon, label, go, options = {}) => html`<button type="button" key=${label} class="button bare" disabled=${options.off ?? false} onClick=${go}><${Icon} name=${icon} />${label}</button>`;

/** An action whose error is said at the foot of the page: there is no better place for one of a row. */
export const told = (work) => async () => {
  try {
    await work();
  } catch (error) {
    if (error.kind !== "signedout") say(error.message);
  }
};

/** `page` is {load, reread, test, open, vendors}. */
export function rowMenu(row, page) {
  const test = async () => {
    const found = await page.test(row.id);
    say(found.ok ? t("channel.tested.one", { name: row.name, said: found.message }) : t("channel.tested.not", { name: row.name, reason: found.message }));
  };
  const balance = async () => {
    await call.get(`/api/channel/update_balance/${row.id}`);
    const now = await page.reread(row.id);
    say(t("channel.balance.is", { name: row.name, amount: balanceText(now) }));
  };
  const copy = async () => {
    const { data } = await call.post(`/api/channel/${row.id}/copy`, {});
    await page.load();
    page.open(data.id);
    say(t("channel.copied", { name: data.name }));
  };
  const then = (close, work) => { close(); told(work)(); };
  const on = row.status === ON;
  return html`<${Menu} label=${t("channel.actsof", { name: row.name })} icon="more" end tiny>${(close) => html`<div class="entries">
    ${item("edit", t("edit"), () => then(close, () => page.open(row.id)))}
    ${item("play", t("channel.test.go"), () => then(close, test))}
    ${page.vendors.get(row.type)?.shows_balance ? item("topup", t("channel.care.ask"), () => then(close, balance)) : null}
    ${item(on ? "stop" : "check", t(on ? "channel.bulk.disable" : "channel.bulk.enable"), () => then(close, () => switchThem([row], on ? "disable" : "enable", page.load)))}
    ${item("copy", t("channel.copy"), () => then(close, copy))}
    ${item("trash", t("delete"), () => then(close, () => deleteThem([row], page.load)))}</div>`}</${Menu}>`;
}

/** The actions over all channels. `begin(path, params)` begins a round. */
export function allMenu(rows, page, begin) {
  const off = rows.filter((row) => row.status !== ON);
  const then = (close, work) => { close(); told(work)(); };
  return html`<${Menu} label=${t("channel.all")} words end>${(close) => html`<div class="entries">
    ${item("play", t("channel.all.test"), () => then(close, () => begin("/api/channel/test", { scope: "all" })), { off: !rows.length })}
    ${item("play", t("channel.all.testoff", { count: off.length }), () => then(close, () => begin("/api/channel/test", { scope: "disabled" })), { off: !off.length })}
    ${item("topup", t("channel.all.balance"), () => then(close, () => begin("/api/channel/update_balance")), { off: !rows.length })}
    ${item("trash", t("channel.all.deleteoff", { count: off.length }), () => then(close, () => deleteDisabled(off, page.load)), { off: !off.length })}</div>`}</${Menu}>`;
}
