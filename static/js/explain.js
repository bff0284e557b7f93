// What one event says about itself, top to bottom: amount, facts, formula, usage, timing, attempts, hold, proof, JSON.
import { h, icon } from "./dom.js";
import { copyButton } from "./copy.js";
import { costText, perUnit, terms, workOut } from "./formula.js";
import { number, t, word } from "./i18n.js";
import { exactUsd, money, nanoOf } from "./money.js";
import { outcomeWord } from "./rows.js";
import { duration, when } from "./time.js";

const section = (title, ...content) => h("section", {}, h("h3", {}, title), content);

function pairs(rows, cls = "") {
  const filled = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl.facts", { class: cls }, filled.map(([label, value]) => [h("dt", {}, t(label)), h("dd", {}, value)]));
}

function top(event) {
  const nano = nanoOf(event);
  const exact = exactUsd(nano);
  return h("section", {},
    h("div.lead-amount", {}, money(nano, { signed: true }), copyButton(() => exact)),
    h("p.lead-exact", {}, t("explain.exact", { amount: exact.replace("-", "\u2212") })));
}

const mono = (text) => (text ? h("span.mono", {}, text) : null);

function facts(event) {
  const body = event.body ?? {};
  return pairs([
    ["field.when", when(event.at)],
    ["field.type", word("event", event.type)],
    ["field.outcome", outcomeWord(body.outcome)],
    ["field.policy", body.outcome === "complete" ? null : body.policy && word("policy", body.policy)],
    ["field.model", body.model],
    ["field.served", body.served_model !== body.model ? body.served_model : null],
    ["field.endpoint", body.endpoint && `${body.endpoint}${body.stream ? `, ${t("stream")}` : ""}`],
    ["field.account", mono(event.account)],
    ["field.actor", mono(event.actor)],
    ["field.name", body.name],
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
  if (worked && shortfall > 0n) {
    lines.push(t("explain.formula.short", { amount: exactUsd(shortfall), charged: exactUsd(worked.nano - shortfall) }));
  }
  const written = h("div.formula", {}, lines.map((line, at) =>
    h("p", { class: at === lines.length - 1 && lines.length > 1 ? "result" : "" }, line)));
  return section(t("explain.formula"), written, worked ? verdict(worked.nano - shortfall, -nanoOf(event)) : null);
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

function price({ price: factors, group }) {
  if (!factors) return null;
  return section(t("explain.price"), pairs([
    ["explain.price.version", String(factors.version)],
    ["explain.price.model", factors.model],
    ["explain.price.tier", factors.tier ? number(factors.tier) : null],
    ["explain.price.group", factors.group ?? group],
    ["explain.price.ratio", factors.group_ratio && `\u00d7 ${factors.group_ratio}`],
  ]));
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

function attempts({ attempts: made }) {
  if (!made?.length) return null;
  return section(t("explain.attempts"), h("ol.attempts", {}, made.map((one) => {
    const result = one.error ? String(one.error) : t("explain.attempt.ok", { status: String(one.status ?? "\u2013") });
    return h("li", {}, t("explain.attempt", { channel: String(one.channel), result }));
  })));
}

function hold(event) {
  const { hold: held, shortfall_nano: shortfall } = event.body ?? {};
  if (held?.nano === undefined) return null;
  const before = BigInt(held.nano);
  const amount = nanoOf(event);
  const charged = amount < 0n ? -amount : amount;
  return section(t("explain.hold"), pairs([
    ["explain.hold.held", money(before)],
    ["explain.hold.charged", money(charged)],
    ["explain.hold.released", before > charged ? money(before - charged) : null],
    ["explain.hold.shortfall", shortfall > 0 ? money(BigInt(shortfall)) : null],
  ]));
}

function proof(event) {
  const copied = (text) => [h("span", {}, text), copyButton(() => text)];
  return section(t("explain.proof"), pairs([
    ["field.id", copied(event.id)],
    ["field.recorded", when(event.ts)],
    ["field.writer", String(event.writer ?? "")],
    ["field.epoch", String(event.epoch ?? "")],
    ["field.seq", String(event.seq ?? "")],
    ["field.hash", event.hash ? copied(event.hash) : null],
    ["field.prev", event.prev ? h("span", {}, event.prev) : null],
  ], "proof"));
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

export function explanation({ data: event, text }) {
  const body = event.body ?? {};
  return [top(event), formula(event), facts(event), usage(body), price(body), timing(body), attempts(body), hold(event), proof(event), raw(text)];
}
