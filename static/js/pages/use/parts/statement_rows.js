// The rows of a statement: movements with the balance after each, or sums of them; all amounts as the server has them.
import { computed, ref, watch } from "vue";
import { RouterLink, useRoute } from "vue-router";
import { number, t, word } from "../../../core/i18n.js";
import { exactUsd, nanoOf, parseUsd, shortUsd } from "../../../core/money.js";
import { html } from "../../../html.js";
import { DataTable } from "../../../parts/DataTable.js";
import { Icon } from "../../../parts/Icon.js";
import { Money } from "../../../parts/Money.js";
import { Figures } from "../../../parts/Page.js";
import { Time } from "../../../parts/Time.js";
import { accountName } from "./statement_controls.js";

const PAGE = 200;
/** Groups in the order of time, whose balances follow each other. */
const IN_TIME = new Set(["none", "day", "month"]);
/** Entries whose own words were written by a person, and so are worth showing beside what they are. */
const REMARKED = new Set(["balance.adjusted", "recharge.credited"]);
const NAMELESS = { model: "statement.by.noModel", key: "statement.by.noKey" };

export const sumOf = ({ rows }) => (rows ?? []).reduce((sum, row) => sum + nanoOf(row), 0n);

function groupName(group, name) {
  if (name === null) return html`<span class="quiet">${t(NAMELESS[group] ?? "statement.by.none")}</span>`;
  return group === "key" ? accountName(name) : name;
}

function what(row) {
  const kind = word("event", row.type);
  return REMARKED.has(row.type) && row.what ? `${kind} \u00b7 ${row.what}` : kind;
}

const moved = (nano) => html`<${Money} nano=${nano} signed column full />`;
const balance = (usd) => html`<${Money} nano=${usd} column full />`;

function amount(row, route) {
  const nano = nanoOf(row);
  if (!row.event) return moved(nano);
  return html`<${RouterLink} to=${{ query: { ...route.query, event: row.event } }} class=${{ credit: nano > 0n }} aria-label=${t("ledger.explain", { amount: shortUsd(nano, { signed: true }) })}>${moved(nano)}</${RouterLink}>`;
}

function columns(group, route, onReceipt) {
  const tokens = [
    { id: "input", label: t("column.input"), number: true, cell: (row) => (row.input_tokens ? number(row.input_tokens) : null) },
    { id: "output", label: t("column.output"), number: true, cell: (row) => (row.output_tokens ? number(row.output_tokens) : null) },
  ];
  const money = { id: "amount", label: t("column.amount"), number: true, class: "amount two", always: true, cell: (row) => (row.edge ? null : amount(row, route)) };
  const after = { id: "balance", label: t("column.balance"), number: true, class: "amount two", always: true, cell: (row) => balance(row.edge ? row.nano : nanoOf(row, "balance")) };
  if (group !== "none") {
    return [
      { id: "name", label: t(`statement.by.${group}.column`), class: "wide two", always: true, cell: (row) => (row.edge ? t(row.edge) : groupName(group, row.group)) },
      { id: "count", label: t("statement.count"), number: true, cell: (row) => (row.edge ? null : number(row.count)) },
      ...tokens, money, ...(IN_TIME.has(group) ? [after] : []),
    ];
  }
  const receipt = (id) => html`<button type="button" class="button bare icon-only tiny" aria-label=${t("receipt.get")} title=${t("receipt.get")} data-receipt=${id} onClick=${() => onReceipt(id)}><${Icon} name="verify" /></button>`;
  return [
    { id: "time", label: t("statement.timeUtc"), class: "two", always: true, cell: (row) => (row.edge ? t(row.edge) : html`<${Time} at=${row.time} utc />`) },
    { id: "what", label: t("statement.what"), class: "wide two", cell: (row) => (row.edge ? null : what(row)) },
    { id: "model", label: t("column.model"), class: "clip", cell: (row) => row.model ?? null },
    { id: "key", label: t("column.key"), class: "clip", cell: (row) => (row.key ? accountName(`key:${row.key}`) : null) },
    ...tokens, money, after,
    { id: "receipt", label: t("receipt"), class: "end", cell: (row) => (row.event ? receipt(row.event) : null) },
  ];
}

function totals(data, group) {
  if (IN_TIME.has(group)) return [{ label: t("statement.closing"), values: { balance: balance(parseUsd(data.closing)) } }];
  const count = data.rows.reduce((sum, row) => sum + row.count, 0);
  return [{ label: t("statement.total"), values: { count: number(count), amount: moved(sumOf(data)) } }];
}

/** What the groups or movements are; "open" and "receipt" are emitted for one. */
export const Rows = {
  name: "StatementRows",
  props: { data: { type: Object, required: true }, group: { type: String, required: true }, busy: Boolean, opened: { default: null } },
  emits: ["open", "receipt"],
  setup(props, { emit }) {
    const route = useRoute();
    const most = ref(PAGE);
    watch(() => props.data, () => { most.value = PAGE; });
    const rows = computed(() => {
      const first = IN_TIME.has(props.group) ? [{ edge: "statement.opening", nano: parseUsd(props.data.opening) }] : [];
      return [...first, ...props.data.rows.slice(0, most.value)];
    });
    const key = (row) => row.edge ?? row.event ?? `group-${row.group}`;
    return () => html`<${DataTable} name=${`statement-${props.group}`} caption=${t("nav.statement")} columns=${columns(props.group, route, (id) => emit("receipt", id))}
      rows=${rows.value} rowKey=${key} rowClass=${(row) => (row.edge ? "edge" : "")} totals=${totals(props.data, props.group)} busy=${props.busy}
      more=${most.value < props.data.rows.length} onMore=${() => { most.value += PAGE; }} opens=${props.group === "none"} opened=${props.opened} onOpen=${(row) => emit("open", row)} />`;
  },
};

/** Opening, what moved it by type, closing. */
export const Heads = {
  name: "StatementHeads",
  props: { data: { type: Object, required: true }, to: { type: String, default: "" } },
  setup: (props) => () => {
    const { opening, closing, totals: kinds } = props.data;
    const closed = props.to && Date.parse(props.to) < Date.now();
    return html`<${Figures} items=${[
      { label: t("statement.opening"), value: html`<${Money} amount=${opening} full />`, lesser: true },
      ...kinds.map((total) => ({ label: `${word("event", total.group)} (${number(total.count)})`, value: html`<${Money} nano=${nanoOf(total)} signed full />`, lesser: true })),
      { label: t(closed ? "statement.closing" : "statement.now"), value: html`<${Money} amount=${closing} full />` },
    ]} />`;
  },
};

/** Whether what is listed adds up to what the server says. */
export const Verdict = {
  name: "StatementVerdict",
  props: { data: { type: Object, required: true }, sum: { type: BigInt, required: true } },
  setup: (props) => () => {
    const here = parseUsd(props.data.opening) + props.sum;
    const there = parseUsd(props.data.closing);
    return here === there
      ? html`<p class="small quiet word adds"><${Icon} name="check" />${t("statement.adds")}</p>`
      : html`<p class="notice danger" role="alert"><${Icon} name="alert" />${t("statement.differs", { here: exactUsd(here), there: exactUsd(there) })}</p>`;
  },
};
