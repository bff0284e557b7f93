// What each column of the log shows, and the totals under them.
import { RouterLink } from "vue-router";
import { number, t, word } from "../../../core/i18n.js";
import { shortUsd } from "../../../core/money.js";
import { isAdmin } from "../../../core/session.js";
import { duration } from "../../../core/time.js";
import { Outcome } from "../../../explain/links.js";
import { html } from "../../../html.js";
import { Money } from "../../../parts/Money.js";
import { Time } from "../../../parts/Time.js";
import { amountOf, CHARGE, sumsOf } from "./feed.js";

/** Entries whose own words were written by a person, and so are worth showing beside what they are. */
const REMARKED = new Set(["balance.adjusted", "recharge.credited"]);

function entry(row) {
  const kind = word("event", row.event_type);
  if (!row.event_type || kind === row.event_type) return row.content;
  return REMARKED.has(row.event_type) && row.content ? `${kind} · ${row.content}` : kind;
}

/** What the system before this one had counted, in its own unit: no amount of these books. */
const was = (row) => html`<span class="quiet" title=${t("log.history.why")}>${t("log.history.quota", { quota: row.quota })}</span>`;

/** `open(row)` is the place that explains a row. */
function amountCell(row, open) {
  if (row.history) return was(row);
  const nano = amountOf(row);
  const shown = html`<${Money} nano=${nano} signed column />`;
  if (!row.event_id) return shown;
  return html`<${RouterLink} to=${open(row)} aria-label=${t("log.open", { amount: shortUsd(nano, { signed: true }) })} class=${nano > 0n ? "credit" : ""}>${shown}</${RouterLink}>`;
}

const ofCharge = (show) => (row) => (row.type === CHARGE ? show(row) : null);

export function columns(open) {
  const admins = [
    { id: "user", label: t("column.user"), class: "clip", cell: (row) => row.username },
    { id: "channel", label: t("column.channel"), class: "clip", cell: (row) => (row.channel ? row.channel_name || String(row.channel) : null) },
  ];
  return [
    { id: "time", label: t("column.time"), class: "two", always: true, cell: (row) => html`<${Time} at=${row.created_at} />` },
    { id: "type", label: t("column.type"), cell: (row) => (row.history ? `${word("logtype", row.type)} · ${t("log.history")}` : word("logtype", row.type)) },
    ...(isAdmin.value ? admins : []),
    { id: "model", label: t("column.model"), class: "wide two", cell: (row) => row.model_name || entry(row) },
    { id: "key", label: t("column.key"), class: "clip", cell: (row) => row.token_name },
    { id: "input", label: t("column.input"), number: true, cell: ofCharge((row) => number(row.prompt_tokens ?? 0)) },
    { id: "output", label: t("column.output"), number: true, cell: ofCharge((row) => number(row.completion_tokens ?? 0)) },
    { id: "outcome", label: t("column.outcome"), class: "loose", cell: (row) => (row.outcome ? html`<${Outcome} outcome=${row.outcome} />` : null) },
    { id: "stream", label: t("log.stream"), hidden: true, cell: ofCharge((row) => t(row.is_stream ? "yes" : "no")) },
    { id: "duration", label: t("column.duration"), number: true, cell: ofCharge((row) => (row.elapsed_time == null ? null : duration(row.elapsed_time))) },
    { id: "request", label: t("field.request"), class: "clip mono", hidden: true, cell: (row) => row.request_id },
    { id: "amount", label: t("column.amount"), number: true, class: "amount two", always: true, cell: (row) => amountCell(row, open) },
  ];
}

function totalRow(label, sums) {
  const values = { amount: html`<${Money} nano=${sums.amount} signed column full />` };
  if (sums.input !== undefined) Object.assign(values, { input: number(sums.input), output: number(sums.output) });
  return { label, values };
}

/** One line when all rows are shown and agree with the books' own sum; else both, each saying what it sums. */
export function totals({ rows, stat, total, complete }) {
  if (!stat.value) return [];
  const shown = sumsOf(rows.value);
  const own = totalRow(t(complete.value ? "total.all" : "total.shown", { count: shown.count }), shown);
  const { count, amount } = stat.value;
  if (count === 0 || (complete.value && shown.charges === amount)) return [own];
  return [own, totalRow(t(count === total.value ? "total.all" : "total.charges", { count }), stat.value)];
}
