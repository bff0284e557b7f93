// The tables of the dashboard: by channel, and who and what brings most. Each row leads to its part of the log.
import { RouterLink } from "vue-router";
import { number, percent, t } from "../../../core/i18n.js";
import { duration } from "../../../core/time.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Money } from "../../../parts/Money.js";

const TOP = 10;
const PER_MILLE = 1000n;

/** Part of a whole as a number between 0 and 1, exact to a thousandth. */
export const share = (part, whole) => (whole > 0n ? Number((part * PER_MILLE) / whole) / Number(PER_MILLE) : 0);
const sumOf = (rows, name = "revenue") => rows.reduce((sum, row) => sum + row[name], 0n);
const money = (name) => (row) => html`<${Money} nano=${row[name]} column />`;

const bar = (part, whole) => html`<span class="share"><i style=${{ width: `${Math.max(0, Math.min(1, share(part, whole))) * 56}px` }} /><span>${percent(share(part, whole))}</span></span>`;

function tops(rows, { id, label, name, to }) {
  const whole = sumOf(rows);
  const columns = [
    { id, label, class: "wide two", always: true, cell: (row) => html`<${RouterLink} to=${to(row)} title=${name(row)}>${name(row)}</${RouterLink}>` },
    { id: "requests", label: t("dash.requests"), number: true, always: true, cell: (row) => number(row.requests) },
    { id: "share", label: t("dash.share"), always: true, cell: (row) => bar(row.revenue, whole) },
    { id: "revenue", label: t("dash.revenue"), number: true, class: "amount", always: true, cell: money("revenue") },
  ];
  const shown = rows.slice(0, TOP);
  const rest = rows.length > TOP ? t("dash.top", { shown: TOP, count: rows.length }) : t("dash.all");
  const totals = rows.length < 2 ? [] : [{ label: rest, values: { revenue: html`<${Money} nano=${sumOf(shown)} column />` } }];
  return { columns, shown, totals };
}

function topTable(kind, rows, caption) {
  const { columns, shown, totals } = tops(rows, kind);
  return html`<section><h2>${caption}</h2><${DataTable} columns=${columns} rows=${shown} rowKey=${(row) => String(row[kind.id])} caption=${caption} totals=${totals}>${{
    empty: () => html`<p class="quiet none">${t("dash.none")}</p>`,
  }}</${DataTable}></section>`;
}

/** `log` makes the address of the log narrowed to something, in the stretch that is shown. */
export const topUsers = (rows, log) => topTable({
  id: "user", label: t("column.user"), name: (row) => row.username || `#${row.user}`, to: (row) => log({ user: row.username }),
}, rows, t("dash.users"));

export const topModels = (rows, log) => topTable({
  id: "model", label: t("column.model"), name: (row) => row.model || "–", to: (row) => log({ model: row.model }),
}, rows, t("dash.models"));

const failed = (row) => (row.tried ? html`<span class="word warning">${number(row.tried)} (${percent(row.tried / Math.max(1, row.tried + row.requests))})</span>` : "0");

/** "52 ms · 149 ms · 1.2 s": p50, p95 and p99. */
export const quantiles = (some) => (some ? [some.p50, some.p95, some.p99].map(duration).join(" · ") : null);

export function channelTable(rows, log, read) {
  const whole = sumOf(rows);
  const columns = [
    { id: "channel", label: t("column.channel"), class: "wide two", always: true, cell: (row) => html`<${RouterLink} to=${log({ channel: row.channel })}>${row.channel_name || `#${row.channel}`}</${RouterLink}>` },
    { id: "requests", label: t("dash.requests"), number: true, cell: (row) => number(row.requests) },
    { id: "tried", label: t("dash.tried"), number: true, cell: failed },
    { id: "latency", label: t("dash.latency"), number: true, class: "two", cell: (row) => quantiles(row.times?.latency_ms) },
    { id: "first", label: t("dash.first"), number: true, class: "two", cell: (row) => quantiles(row.times?.first_token_ms) },
    { id: "share", label: t("dash.share"), cell: (row) => bar(row.revenue, whole) },
    { id: "revenue", label: t("dash.revenue"), number: true, class: "amount", cell: money("revenue") },
    { id: "cost", label: t("dash.cost"), number: true, class: "amount", cell: money("cost") },
    { id: "margin", label: t("dash.margin"), number: true, class: "amount", always: true, cell: money("margin") },
  ];
  const totals = rows.length > 1 ? [{ label: t("dash.allchannels"), values: Object.fromEntries(["revenue", "cost", "margin"].map((name) => [name, html`<${Money} nano=${sumOf(rows, name)} column />`])) }] : [];
  return html`<section><h2>${t("dash.channels")}</h2>
    <${DataTable} columns=${columns} rows=${rows} rowKey=${(row) => String(row.channel)} caption=${t("dash.channels")} totals=${totals}>${{
      empty: () => html`<p class="quiet none">${t("dash.none")}</p>`,
    }}</${DataTable}>
    <p class="small quiet prose">${t("dash.unmeasured", { count: read })}</p></section>`;
}
