// The rows of the log: what each column shows, and the totals under them.
import { h, icon } from "./dom.js";
import { amountOf, CHARGE } from "./feed.js";
import { number, t, word } from "./i18n.js";
import { money, shortUsd } from "./money.js";
import { href, read } from "./route.js";
import { cell } from "./table.js";
import { duration, when } from "./time.js";


export const columns = () => [
  { id: "time", label: t("column.time"), class: "two" },
  { id: "type", label: t("column.type") },
  { id: "model", label: t("column.model"), class: "wide two" },
  { id: "key", label: t("column.key"), class: "clip" },
  { id: "input", label: t("column.input"), number: true },
  { id: "output", label: t("column.output"), number: true },
  { id: "outcome", label: t("column.outcome"), class: "loose" },
  { id: "duration", label: t("column.duration"), number: true },
  { id: "amount", label: t("column.amount"), number: true, class: "amount two" },
];

export function outcomeWord(outcome) {
  if (!outcome) return null;
  const text = word("outcome", outcome);
  return outcome === "complete" ? text : h("span.word.warning", {}, icon("cut"), text);
}

export const link = (row) => href("log", { ...read().params, event: row.event_id });

/** What the system before this one had counted, in its own unit: no amount of these books. */
const was = (row) => h("span.quiet", { title: t("log.history.why") }, t("log.history.quota", { quota: number(row.quota) }));

function amountCell(row) {
  const nano = amountOf(row);
  if (nano === null) return row.history ? was(row) : null;
  const shown = money(nano, { signed: true, column: true });
  if (!row.event_id) return shown;
  const label = t("log.open", { amount: shortUsd(nano, { signed: true }) });
  return h("a", { href: link(row), "aria-label": label, class: nano > 0n ? "credit" : "" }, shown);
}

/** Entries whose own words were written by a person, and so are worth showing beside what they are. */
export const REMARKED = new Set(["balance.adjusted", "recharge.credited"]);

function entry(row) {
  const kind = word("event", row.event_type);
  if (!row.event_type || kind === row.event_type) return row.content;
  return REMARKED.has(row.event_type) && row.content ? `${kind} \u00b7 ${row.content}` : kind;
}

const CELLS = {
  time: (row) => when(row.created_at),
  type: (row) => (row.history ? `${word("type", row.type)} \u00b7 ${t("log.history")}` : word("type", row.type)),
  model: (row) => row.model_name || entry(row),
  key: (row) => row.token_name,
  input: (row) => (row.type === CHARGE ? number(row.prompt_tokens ?? 0) : null),
  output: (row) => (row.type === CHARGE ? number(row.completion_tokens ?? 0) : null),
  outcome: (row) => outcomeWord(row.outcome),
  duration: (row) => (row.type === CHARGE && row.elapsed_time != null ? duration(row.elapsed_time) : null),
  amount: amountCell,
};

export function rowNode(row, shape) {
  const node = h("tr", { role: "row", data: { event: row.event_id } }, shape.map((column) => cell(column, CELLS[column.id](row))));
  if (row.event_id) {
    node.classList.add("opens");
    node.addEventListener("click", (event) => {
      const selecting = !document.getSelection()?.isCollapsed;
      if (event.target.closest("a, button") || selecting) return;
      location.hash = link(row);
    });
  }
  return node;
}

function totalRow(shape, label, sums) {
  const values = {
    input: sums.input === undefined ? null : number(sums.input),
    output: sums.output === undefined ? null : number(sums.output),
    amount: money(sums.amount, { signed: true, column: true }),
  };
  const start = shape.findIndex((column) => column.id === "input");
  return h("tr", { role: "row" },
    h("td.label", { role: "cell", colspan: start }, label),
    shape.slice(start).map((column) => cell(column, values[column.id])));
}

/** One line when all rows are shown and agree with the books' own sum; else both, each saying what it sums. */
export function totals(feed, shape) {
  const shown = feed.sums();
  const { stat } = feed;
  const own = totalRow(shape, t(feed.complete ? "total.all" : "total.shown", { count: shown.count }), shown);
  if (stat.count === 0 || (feed.complete && shown.charges === stat.amount)) return [own];
  const label = stat.count === feed.total ? "total.all" : "total.charges";
  return [own, totalRow(shape, t(label, { count: stat.count }), stat)];
}
