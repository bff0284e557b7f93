// The columns of the table of channels.
import { number, percent, t } from "../../core/i18n.js";
import { nanoOf } from "../../core/money.js";
import { duration } from "../../core/time.js";
import { html } from "../../html.js";
import { Icon } from "../../parts/Icon.js";
import { Money } from "../../parts/Money.js";
import { Time } from "../../parts/Time.js";
import { NumberCell } from "./channel_cell.js";
import { namesOf } from "./channel_list.js";
import { Ago, balanceText, Status } from "./channel_status.js";

const MOST_NAMED = 40;
const MOST_TAGS = 3;
/** Below that a share of successes is shown as bad. */
const MOSTLY = 0.9;
/** On a middling screen some columns wait in the chooser; on a phone, rows are cards and have room again. */
const isTight = (width) => window.matchMedia(`(min-width: 721px) and (max-width: ${width}px)`).matches;
export const chargedOf = (used) => nanoOf(used, "charged") ?? 0n;

function someOf(names) {
  const rest = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join("\n") + (rest > 0 ? `\n${t("channel.andmore", { count: rest })}` : "");
}

const shortOf = (vendor) => vendor.name.replace(/ \(.*\)$/, "");

function tagsOf(names) {
  const rest = names.length - MOST_TAGS;
  return html`<span class="tags" title=${names.join("\n")}>${names.slice(0, MOST_TAGS).map((name) => html`<span class="tag" key=${name}>${name}</span>`)}${rest > 0 ? html`<span class="quiet">+${number(rest)}</span>` : null}</span>`;
}

const money = (used, name) => (used ? html`<${Money} nano=${nanoOf(used, name)} />` : null);

/** The last test; what was learnt in this visit goes before what is stored. */
function testCell(row, result) {
  if (result === "running") return html`<span class="quiet" role="status">${t("channel.testing")}</span>`;
  const verdict = result && !result.ok ? "failed" : row.test_verdict;
  const bad = verdict === "failed" || verdict === "slow";
  if (!row.test_time && !bad) return html`<span class="quiet">${t("channel.never")}</span>`;
  return html`<span class="pair">${bad
    ? html`<span class=${["word", verdict === "slow" ? "warning" : "danger"]} title=${result?.message ?? null}><${Icon} name="alert" />${t(`channel.verdict.${verdict}`)}</span>`
    : duration(row.response_time)}<span class="quiet"><${Ago} at=${row.test_time} /></span></span>`;
}

/** Requests of the last hour; beside it the share of the latest that succeeded, where the gateway measures that. */
function hourCell(row, used) {
  const rate = row.success_rate === null ? null : html`<span class=${row.success_rate < MOSTLY ? "low" : "quiet"} title=${t("channel.rate")}>${percent(row.success_rate)}</span>`;
  if (!used && !rate) return null;
  return html`<span class="pair">${rate}<span title=${used ? t("channel.hour.hint", { time: duration(used.latency_ms) }) : null}>${number(used?.requests ?? 0)}</span></span>`;
}

function vendorCell(row, vendor) {
  const retired = vendor && Object.keys(vendor.retired).length > 0;
  return html`<span title=${vendor?.name ?? null}>${vendor ? shortOf(vendor) : t("channel.type.unknown", { type: String(row.type) })}</span>${retired ? html` <span class="tag">${t("channel.retired")}</span>` : null}`;
}

function editable(row, name, change) {
  return html`<${NumberCell} key=${`${row.id}.${name}`} value=${row[name]} label=${t("channel.cell.label", { field: t(`channel.f.${name}`), name: row.name })} save=${(value) => change(row, { [name]: value })} />`;
}

/** `view` is {use, reason, vendors, results, change, acts}: what rows are shown with, and what can be done with one. */
export function columnsOf({ use, reason, vendors, results, change, acts }) {
  const month = (row) => use.month.get(row.id);
  const hour = (row) => use.hour.get(row.id);
  return [
    { id: "status", label: t("column.status"), always: true, sort: (row) => row.status, cell: (row) => html`<${Status} status=${row.status} reason=${reason(row)} rests=${row.resting_s} />` },
    { id: "name", label: t("column.name"), always: true, class: "channel-name two", sort: (row) => row.name, cell: (row) => html`<span title=${row.name}>${row.name}</span> <span class="quiet small">${row.id}</span>` },
    { id: "vendor", hidden: isTight(1060), label: t("channel.vendor"), class: "vendor two", sort: (row) => vendors.get(row.type)?.name, cell: (row) => vendorCell(row, vendors.get(row.type)) },
    { id: "groups", hidden: isTight(1279), label: t("channel.f.group"), sort: (row) => row.group, cell: (row) => tagsOf(namesOf(row.group)) },
    { id: "tag", hidden: isTight(1399), label: t("channel.f.tag"), sort: (row) => row.tag || null, cell: (row) => row.tag || null, class: "channel-tag" },
    { id: "models", hidden: isTight(940), label: t("channel.f.models"), number: true, sort: (row) => namesOf(row.models).length, cell: (row) => html`<span title=${someOf(namesOf(row.models))}>${number(namesOf(row.models).length)}</span>` },
    { id: "priority", label: t("channel.f.priority"), number: true, class: "editable", sort: (row) => row.priority, cell: (row) => editable(row, "priority", change) },
    { id: "weight", hidden: isTight(1279), label: t("channel.f.weight"), number: true, class: "editable", sort: (row) => row.weight, cell: (row) => editable(row, "weight", change) },
    { id: "test", label: t("channel.lasttest"), class: "two", sort: (row) => row.test_time || null, cell: (row) => testCell(row, results.get(row.id)) },
    { id: "hour", hidden: isTight(1399), label: t("channel.hour"), number: true, sort: (row) => hour(row)?.requests ?? 0, cell: (row) => hourCell(row, hour(row)) },
    { id: "spend", hidden: isTight(940), label: t("channel.spend"), number: true, sort: (row) => chargedOf(month(row)), cell: (row) => money(month(row), "charged") },
    { id: "cost", label: t("channel.cost"), number: true, hidden: true, sort: (row) => nanoOf(month(row), "cost") ?? 0n, cell: (row) => money(month(row), "cost") },
    { id: "margin", label: t("channel.margin"), number: true, hidden: true, sort: (row) => nanoOf(month(row), "margin") ?? 0n, cell: (row) => money(month(row), "margin") },
    { id: "balance", hidden: isTight(1279), label: t("channel.left"), number: true, sort: (row) => row.balance, cell: (row) => (row.balance_updated_time ? html`<span class="pair"><span>${balanceText(row)}</span><span class="quiet"><${Ago} at=${row.balance_updated_time} /></span></span>` : null) },
    { id: "created", label: t("column.created"), hidden: true, sort: (row) => row.created_time, cell: (row) => html`<${Time} at=${row.created_time} day />` },
    { id: "acts", label: t("channel.acts"), always: true, class: "acts", cell: acts },
  ];
}
