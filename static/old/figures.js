// The figures above every page: what is left, what was charged.
import * as api from "./api.js";
import { h, fill } from "./dom.js";
import { CHARGE } from "./feed.js";
import { t } from "./i18n.js";
import { money, nanoOf } from "./money.js";
import { startOf } from "./time.js";
import { openTopup } from "./topup.js";

const SPANS = ["today", "30d"];

async function charged(session, range) {
  const { data } = await session.guard(() =>
    api.get("/api/log/self/stat", { type: CHARGE, start_timestamp: startOf(range) }));
  return nanoOf(data);
}

function figure(label, lesser) {
  const value = h("dd", {}, "\u2013");
  const name = h("dt", {}, label);
  return { node: h(lesser ? "div.figure.lesser" : "div.figure", {}, name, value), name, value };
}

export function figures(session, { onCredited }) {
  const balance = figure(t("balance"), false);
  const spans = SPANS.map((range) => ({ range, ...figure(t(`spent.${range}`), true) }));
  const show = () => {
    if (session.balance === null) return;
    const empty = session.balance <= 0n;
    fill(balance.value, money(session.balance, { down: true }));
    balance.value.classList.toggle("low", empty);
    balance.name.textContent = t(empty ? "balance.low" : "balance");
  };
  const dispose = session.onChange(show);
  show();

  /** Failures here are not hidden: the dash stays, and the log below says what is wrong with the request id. */
  const refresh = () => Promise.allSettled([
    session.loadBalance(),
    ...spans.map(async ({ range, value }) => fill(value, money(await charged(session, range)))),
  ]);
  const redeem = h("button.button", {
    type: "button", id: "redeem", on: { click: () => openTopup(session, () => { refresh(); onCredited?.(); }) },
  }, t("redeem"));
  refresh();
  return { node: h("div.figures", {}, h("dl.figures-list", {}, balance.node, spans.map((span) => span.node)), redeem), refresh, dispose };
}
