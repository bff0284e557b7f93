// What a charge was made of: its price version, what was held and what became of it, attempts, and what it cost upstream.
import { h } from "./dom.js";
import { copied, mono, pairs, section } from "./facts.js";
import { number, t, word } from "./i18n.js";
import { money, nanoOf, parseUsd } from "./money.js";
import { when } from "./time.js";

const person = (username, account) => (username ? h("span", { title: account }, username) : mono(account));

export function price({ body, explanation: said }) {
  const factors = said?.price ?? body.price;
  if (!factors) return null;
  return section(t("explain.price"), pairs([
    ["explain.price.version", String(factors.version)],
    ["explain.price.author", factors.author && person(factors.username, factors.author)],
    ["explain.price.note", factors.note],
    ["explain.price.since", factors.effective && when(factors.effective)],
    ["explain.price.published", factors.published && when(factors.published)],
    ["explain.price.model", factors.model],
    ["explain.price.tier", factors.tier ? number(factors.tier) : null],
    ["explain.price.group", factors.group ?? body.group],
    ["explain.price.ratio", factors.group_ratio && `\u00d7 ${factors.group_ratio}`],
  ]));
}

const LOT = /^lot:\d+:([a-z]+)-(\d+)-/;

/** A lot by its source and its end, both of which are in its name. */
function lotName(account) {
  const [, source, expires] = LOT.exec(account) ?? [];
  if (!source) return mono(account);
  const name = word("lot", source);
  return h("span", { title: account }, expires === "0" ? name : [name, ", ", t("lot.until"), " ", when(Number(expires), { day: true })]);
}

function split({ lots, from_balance: rest }) {
  if (!lots.length) return null;
  const row = (name, nano) => h("tr", {}, h("td", {}, name), h("td.number", {}, money(nano, { column: true, full: true })));
  return h("table.usage", { "aria-label": t("explain.lots") },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("explain.lots")), h("th.number", { scope: "col" }, t("column.amount")))),
    h("tbody", {}, lots.map((lot) => row(lotName(lot.account), nanoOf(lot))), row(t("explain.lots.rest"), parseUsd(rest))));
}

export function hold({ explanation: said }) {
  const { hold: held, settlement: settled } = said ?? {};
  if (!held || !settled) return null;
  const some = (name) => (parseUsd(settled[name]) > 0n ? money(parseUsd(settled[name]), { full: true }) : null);
  return section(t("explain.hold"),
    pairs([
      ["explain.hold.held", money(nanoOf(held), { full: true })],
      ["explain.hold.on", held.accounts.length ? held.accounts.map((name) => h("div.mono", {}, name)) : null],
      ["explain.hold.charged", money(parseUsd(settled.charged), { full: true })],
      ["explain.hold.released", some("released")],
      ["explain.hold.shortfall", some("shortfall")],
    ]),
    split(settled));
}

function attempt({ channel, channel_name: name, status, error, cost_usd: cost }) {
  const answered = status === null || status === undefined ? t("explain.attempt.none") : t("explain.attempt.ok", { status: String(status) });
  const result = error ? `${answered}, ${error}` : answered;
  const line = channel === undefined ? result : t("explain.attempt", { channel: name ? `${name} (${channel})` : String(channel), result });
  return h("li", {}, line, cost === undefined ? null : [`, ${t("explain.attempt.cost")} `, money(parseUsd(cost), { full: true })]);
}

export function attempts({ explanation: said }) {
  if (!said?.attempts?.length) return null;
  return section(t("explain.attempts"), h("ol.attempts", {}, said.attempts.map(attempt)));
}

/** Only admins are told. */
export function cost({ explanation: said }) {
  if (!said?.cost) return null;
  return section(t("explain.cost"), pairs([
    ["explain.cost.total", money(parseUsd(said.cost.total), { full: true })],
    ["explain.cost.margin", money(parseUsd(said.cost.margin), { full: true })],
  ]));
}

export function proof(event, ...below) {
  return section(t("explain.proof"), pairs([
    ["field.id", copied(event.id)],
    ["field.recorded", when(event.ts)],
    ["field.writer", String(event.writer ?? "")],
    ["field.epoch", String(event.epoch ?? "")],
    ["field.seq", String(event.seq ?? "")],
    ["field.hash", event.hash ? copied(event.hash) : null],
    ["field.prev", event.prev ? h("span", {}, event.prev) : null],
  ], "proof"), below);
}
