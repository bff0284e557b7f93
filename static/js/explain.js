// What one event says about itself, top to bottom: amount, whether it was given back, formula, facts, usage, price, timing,
// attempts, hold, cost, proof, JSON.
import { h, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { mono, pairs, section } from "./facts.js";
import { costText, perUnit, terms, workOut } from "./formula.js";
import { number, t, word } from "./i18n.js";
import { exactUsd, money, nanoOf } from "./money.js";
import { receipt } from "./receipt.js";
import { correction, eventLink } from "./reverse.js";
import { href } from "./route.js";
import { outcomeWord } from "./rows.js";
import { attempts, cost, hold, price, proof } from "./settlement.js";
import { duration, when } from "./time.js";

function top(event) {
  const nano = nanoOf(event);
  const exact = exactUsd(nano);
  return h("section", {},
    h("div.lead-amount", {}, money(nano, { signed: true }), copyButton(() => exact)),
    h("p.lead-exact", {}, t("explain.exact", { amount: exact.replace("-", "\u2212") })));
}

/** Admins get from an account to its statement. */
function accountLink(account, session) {
  return session.isAdmin() && /^(user|key|channel):/.test(account) ? h("a.mono", { href: href("books", { account, period: "month" }) }, account) : mono(account);
}

function facts(event, session) {
  const body = event.body ?? {};
  return pairs([
    ["field.when", when(event.at)],
    ["field.type", word("event", event.type)],
    ["field.outcome", outcomeWord(body.outcome)],
    ["field.policy", body.outcome === "complete" ? null : body.policy && word("policy", body.policy)],
    ["field.model", body.model],
    ["field.served", body.served_model !== body.model ? body.served_model : null],
    ["field.endpoint", body.endpoint && `${body.endpoint}${body.stream ? `, ${t("stream")}` : ""}`],
    ["field.account", accountLink(event.account, session)],
    ["field.actor", mono(event.actor)],
    ["field.name", body.name],
    ["field.takesBack", body.charge || body.recharge ? eventLink(body.charge ?? body.recharge) : null],
    ["reversal.approver", mono(body.approver)],
    ["field.reason", body.reason],
    ["field.reference", mono(body.reference)],
    ["field.remark", body.remark],
    ["field.request", mono(body.request_id)],
    ["field.upstream", mono(body.upstream_request_id)],
  ]);
}

/** Null for factors of a kind that this page does not know; the server's own formula then stands alone. */
function workedOut(body) {
  try {
    return workOut(body);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The formula with its numbers, worked out here from the event itself, and whether that gives the amount in the books. */
function formula(event) {
  const worked = event.type === "usage.charged" ? workedOut(event.body) : null;
  const lines = worked?.lines ?? [event.explanation?.formula ?? []].flat().map(String);
  if (!lines.length) return null;
  const shortfall = BigInt(event.body?.shortfall_nano ?? 0);
  const failed = event.body?.outcome === "failed";
  if (worked && failed) lines.push(t("explain.formula.failed"));
  else if (worked && shortfall > 0n) {
    lines.push(t("explain.formula.short", { amount: exactUsd(shortfall), charged: exactUsd(worked.nano - shortfall) }));
  }
  const written = h("div.formula", {}, lines.map((line, at) =>
    h("p", { class: at === lines.length - 1 && lines.length > 1 ? "result" : "" }, line)));
  return section(t("explain.formula"), written, rounding(event.explanation),
    worked ? verdict(failed ? 0n : worked.nano - shortfall, -nanoOf(event)) : null,
    event.explanation?.agrees === false ? fault(event.explanation.fault) : null);
}

function rounding(said) {
  const by = said?.rounding?.rounded_up_by;
  if (by === undefined) return null;
  return h("p.small.quiet", {}, by === "0" ? t("explain.rounding.none") : t("explain.rounding.up", { by }));
}

/** The server, asked the same, does not come to the amount in the books either. */
function fault(why) {
  return h("p.notice.danger", { role: "alert" }, icon("alert"), h("span", {}, t("explain.formula.fault"), why ? ` ${why}` : ""));
}

function verdict(here, booked) {
  return here === booked
    ? h("p.small.quiet.word", {}, icon("check"), t("explain.formula.same"))
    : h("p.notice.danger", { role: "alert" }, icon("alert"), t("explain.formula.differs", { here: exactUsd(here), booked: exactUsd(booked) }));
}

function usageRow({ name, count, rate, cost }, most) {
  const bar = h("i", {});
  bar.style.width = `${Math.max(1, (100 * count) / most)}%`;
  return h("tr", {},
    h("td", {}, word("class", name)), h("td.track", {}, bar),
    h("td.number", {}, number(count)),
    h("td.number", {}, t(perUnit(name) ? "explain.perOne" : "explain.perMillion", { rate })),
    h("td.number", {}, costText(cost)));
}

function usage(body) {
  const used = workedOut(body) ? terms(body) : [];
  if (!used.length) return null;
  const most = Math.max(...used.map(({ count }) => count));
  const heads = ["explain.usage.amount", "explain.usage.rate", "explain.usage.cost"];
  return section(t("explain.usage"),
    h("table.usage", {},
      h("thead", {}, h("tr", {},
        h("th", { scope: "col", colspan: 2 }, t("explain.usage.class")),
        heads.map((key) => h("th.number", { scope: "col" }, t(key))))),
      h("tbody", {}, used.map((term) => usageRow(term, most)))),
    body.usage_source ? h("p.small.quiet", {}, t(`explain.usage.source.${body.usage_source}`)) : null);
}

function timing({ latency_ms: latency }) {
  if (latency?.total === null || latency?.total === undefined) return null;
  const first = latency.first_token;
  const split = first !== null && first !== undefined && first <= latency.total;
  const part = (share) => {
    const bar = h("i", {});
    bar.style.flex = `${Math.max(share, 0.001)} 1 0`;
    return bar;
  };
  return section(t("explain.timing"),
    h("div.timeline", { "aria-hidden": "true" }, split ? [part(first), part(latency.total - first)] : part(1)),
    h("div.legend.small.quiet", {},
      split ? h("span", {}, t("explain.timing.first", { time: duration(first) })) : null,
      h("span", {}, t("explain.timing.total", { time: duration(latency.total) }))));
}

/** Indents JSON and keeps integers that a JavaScript number cannot hold. */
function pretty(text) {
  const whole = JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source && JSON.rawJSON
      ? JSON.rawJSON(context.source) : value);
  return JSON.stringify(whole.data, null, 2);
}

function raw(text) {
  const shown = pretty(text);
  return h("details", {}, h("summary", {}, t("explain.raw")),
    h("pre", { tabindex: "0" }, shown),
    h("div", {}, copyButton(() => shown, { label: t("explain.copyRaw"), words: true })));
}

/** `onChange` is called when the event was reversed here, or a reversal of it proposed. */
export function explanation({ data: event, text }, { session, onChange }) {
  const body = event.body ?? {};
  const corrected = correction(event, session, onChange);
  const reversed = Boolean(event.explanation?.reversal);
  return [
    top(event), reversed ? corrected : null, formula(event), facts(event, session), usage(body), price({ ...event, body }), timing(body),
    attempts(event), hold(event), cost(event), proof(event, receipt(event, session)), reversed ? null : corrected, raw(text),
  ];
}
