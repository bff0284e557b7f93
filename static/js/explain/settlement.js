// What a charge was made of: its price version, when it answered, what was held and what became of it, attempts, what it cost upstream, its proof.
import { RouterLink } from "vue-router";
import { number, t, word } from "../core/i18n.js";
import { nanoOf, parseUsd } from "../core/money.js";
import { isAdmin } from "../core/session.js";
import { duration } from "../core/time.js";
import { html } from "../html.js";
import { Copy } from "../parts/Copy.js";
import { digitsOf, Money } from "../parts/Money.js";
import { Facts } from "../parts/Page.js";
import { Time } from "../parts/Time.js";
import { AccountName, mono, section } from "./links.js";

const full = (nano) => html`<${Money} nano=${nano} full />`;
const copied = (text) => [html`<span>${text}</span>`, html`<${Copy} text=${text} />`];

export function price({ body, explanation: said }) {
  const factors = said?.price ?? body.price;
  if (!factors) return null;
  return section(t("explain.price.title"), html`<${Facts} pairs=${[
    [t("explain.price.version"), String(factors.version)],
    [t("explain.price.author"), factors.author ? html`<${AccountName} account=${factors.author} name=${factors.username ?? ""} />` : null],
    [t("explain.price.note"), factors.note],
    [t("explain.price.since"), factors.effective ? html`<${Time} at=${factors.effective} />` : null],
    [t("explain.price.published"), factors.published ? html`<${Time} at=${factors.published} />` : null],
    [t("explain.price.model"), factors.model],
    [t("explain.price.tier"), factors.tier ? number(factors.tier) : null],
    [t("explain.price.group"), factors.group ?? body.group],
    [t("explain.price.ratio"), factors.group_ratio && `\u00d7 ${factors.group_ratio}`],
  ]} />`);
}

/** From the request's arrival to the first token, and from there to the end. */
export function timing({ latency_ms: latency }) {
  const total = latency?.total ?? null;
  if (total === null) return null;
  const first = latency.first_token ?? null;
  const split = first !== null && first <= total;
  const shares = split ? [first, total - first] : [total || 1];
  const part = (share, at) => html`<i key=${at} style=${{ flex: `${Math.max(share, 0.001)} 1 0` }} />`;
  return section(t("explain.timing.title"),
    html`<div class="timeline" aria-hidden="true">${shares.map(part)}</div>`,
    html`<div class="legend small quiet">${split ? html`<span>${t("explain.timing.first", { time: duration(first) })}</span>` : null}
      <span>${t("explain.timing.total", { time: duration(total) })}</span></div>`);
}

const LOT = /^lot:\d+:([a-z]+)-(\d+)-/;

/** A lot by its source and its end, both of which are in its name. */
function lotName(account) {
  const [, source, expires] = LOT.exec(account) ?? [];
  if (!source) return mono(account);
  const name = word("lot", source);
  return html`<span title=${account}>${name}${expires === "0" ? null : [t("comma"), t("lot.until"), " ", html`<${Time} at=${Number(expires)} day />`]}</span>`;
}

function split({ lots, from_balance: rest }) {
  if (!lots.length) return null;
  const row = (key, name, nano) => html`<tr key=${key}><td>${name}</td><td class="number"><${Money} nano=${nano} column full /></td></tr>`;
  const most = Math.max(...[...lots.map((lot) => nanoOf(lot)), parseUsd(rest)].map(digitsOf));
  return html`<table class="usage" style=${{ "--most": most }} aria-label=${t("explain.lots.title")}>
    <thead><tr><th scope="col">${t("explain.lots.title")}</th><th scope="col" class="number">${t("column.amount")}</th></tr></thead>
    <tbody>${lots.map((lot) => row(lot.account, lotName(lot.account), nanoOf(lot)))}${row("rest", t("explain.lots.rest"), parseUsd(rest))}</tbody></table>`;
}

export function hold({ explanation: said }) {
  const { hold: held, settlement: settled } = said ?? {};
  if (!held || !settled) return null;
  const some = (name) => (parseUsd(settled[name]) > 0n ? full(parseUsd(settled[name])) : null);
  return section(t("explain.hold.title"), html`<${Facts} pairs=${[
    [t("explain.hold.held"), full(nanoOf(held))],
    [t("explain.hold.on"), held.accounts.length ? held.accounts.map((name) => html`<div key=${name} class="mono">${name}</div>`) : null],
    [t("explain.hold.charged"), full(parseUsd(settled.charged))],
    [t("explain.hold.released"), some("released")],
    [t("explain.hold.shortfall"), some("shortfall")],
  ]} />`, split(settled));
}

function attempt({ channel, channel_name: name, status, error, cost_usd: cost }, at) {
  const answered = status === null || status === undefined ? t("explain.attempt.none") : t("explain.attempt.ok", { status: String(status) });
  const result = [answered, error].filter(Boolean).join(t("comma"));
  const where = channel === undefined ? null : html`<${RouterLink} to=${{ path: "/channels", query: { channel } }}>${name ? `${name} (${channel})` : String(channel)}</${RouterLink}>`;
  return html`<li key=${at}>${where ? [where, ": "] : null}${result}${cost === undefined ? null : [t("comma"), t("explain.attempt.cost"), " ", full(parseUsd(cost))]}</li>`;
}

export function attempts({ explanation: said }) {
  if (!said?.attempts?.length) return null;
  return section(t("explain.attempt.title"), html`<ol class="attempts">${said.attempts.map(attempt)}</ol>`);
}

/** Only admins are told. */
export function cost({ explanation: said }) {
  if (!said?.cost || !isAdmin.value) return null;
  return section(t("explain.cost.title"), html`<${Facts} pairs=${[
    [t("explain.cost.total"), full(parseUsd(said.cost.total))],
    [t("explain.cost.margin"), full(parseUsd(said.cost.margin))],
  ]} />`);
}

export function proof(event, below) {
  return section(t("explain.proof"), html`<div class="proof"><${Facts} pairs=${[
    [t("field.id"), copied(event.id)],
    [t("field.recorded"), html`<${Time} at=${event.ts} />`],
    [t("field.writer"), String(event.writer ?? "")],
    [t("field.epoch"), String(event.epoch ?? "")],
    [t("field.seq"), String(event.seq ?? "")],
    [t("field.hash"), event.hash ? copied(event.hash) : null],
    [t("field.prev"), event.prev ? html`<span>${event.prev}</span>` : null],
  ]} /></div>`, below);
}

/** Indents JSON and keeps integers that a JavaScript number cannot hold. */
function pretty(text) {
  const whole = JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : value);
  return JSON.stringify(whole.data, null, 2);
}

export function raw(text) {
  const shown = pretty(text);
  return html`<details class="raw"><summary>${t("explain.raw")}</summary><pre tabindex="0">${shown}</pre>
    <div><${Copy} text=${shown} label=${t("explain.copyRaw")} words /></div></details>`;
}
