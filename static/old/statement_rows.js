// The rows of a statement: movements with the balance after each, or sums of them.
import { h } from "./dom.js";
import { number, t, word } from "./i18n.js";
import { money, nanoOf, shortUsd } from "./money.js";
import { href, read } from "./route.js";
import { REMARKED } from "./rows.js";
import { cell, skeleton, table } from "./table.js";
import { utc } from "./time.js";

const PAGE = 200;
/** Groups in the order of time, whose balances follow each other. */
const IN_TIME = new Set(["none", "day"]);

function columns(group) {
  const tokens = [{ id: "input", label: t("column.input"), number: true }, { id: "output", label: t("column.output"), number: true }];
  const amount = { id: "amount", label: t("column.amount"), number: true, class: "amount two" };
  const balance = { id: "balance", label: t("column.balance"), number: true, class: "amount two" };
  if (group === "none") {
    return [
      { id: "time", label: t("column.timeUtc"), class: "two" }, { id: "what", label: t("column.what"), class: "wide two" },
      { id: "model", label: t("column.model"), class: "clip" }, { id: "key", label: t("column.key"), class: "clip" },
      ...tokens, amount, balance,
    ];
  }
  return [
    { id: "name", label: t(`group.${group}.column`), class: "wide two" }, { id: "count", label: t("column.count"), number: true },
    ...tokens, amount, ...(IN_TIME.has(group) ? [balance] : []),
  ];
}

export const skeletonFor = (group) => {
  const { node, body } = table(columns(group), t("statement.caption"));
  body.append(...skeleton(columns(group), 4));
  return node;
};

const NAMELESS = { model: "group.noModel", key: "group.noKey" };

function groupName(group, name, keyName) {
  if (name === null) return h("span.quiet", {}, t(NAMELESS[group] ?? "group.none"));
  return group === "key" ? keyName(name) : name;
}

function what(row) {
  const kind = word("event", row.type);
  return REMARKED.has(row.type) && row.what ? `${kind} \u00b7 ${row.what}` : kind;
}

const link = (row) => href("books", { ...read().params, event: row.event });

function amountOf(row) {
  const nano = nanoOf(row);
  const shown = money(nano, { signed: true, column: true, full: true });
  if (!row.event) return shown;
  return h("a", { href: link(row), class: nano > 0n ? "credit" : "", "aria-label": t("log.open", { amount: shortUsd(nano, { signed: true }) }) }, shown);
}

const CELLS = {
  time: (row) => utc(row.time),
  what,
  model: (row) => row.model,
  input: (row) => (row.input_tokens ? number(row.input_tokens) : null),
  output: (row) => (row.output_tokens ? number(row.output_tokens) : null),
  count: (row) => number(row.count),
  amount: amountOf,
  balance: (row) => money(nanoOf(row, "balance"), { column: true, full: true }),
};

/** {node, more, sum}: the table, the button that shows more of it, and what all amounts add up to. */
export class Rows {
  constructor(data, group, keyName) {
    const shape = columns(group);
    const { node, body, foot } = table(shape, t("statement.caption"));
    const cells = {
      ...CELLS,
      key: (row) => (row.key ? keyName(`key:${row.key}`) : null),
      name: (row) => groupName(group, row.group, keyName),
    };
    Object.assign(this, { rows: data.rows, shape, cells, node, body, shown: 0, more: h("div.more", {}) });
    this.sum = data.rows.reduce((sum, row) => sum + nanoOf(row), 0n);
    if (IN_TIME.has(group)) body.append(this.edge("statement.opening", data.opening));
    foot.append(IN_TIME.has(group) ? this.edge("statement.closing", data.closing) : this.total());
    this.next();
  }

  events() {
    return this.rows.map((row) => row.event).filter(Boolean);
  }

  /** The opening or the closing: a label, and the balance in its column. */
  edge(key, usd) {
    const balance = this.shape.at(-1);
    return h("tr.edge", { role: "row" },
      h("td.label", { role: "cell", colspan: this.shape.length - 1 }, t(key)),
      cell(balance, CELLS.balance({ balance: usd })));
  }

  /** What the groups add up to. The verdict below compares it with the server's opening and closing. */
  total() {
    const start = this.shape.findIndex((column) => column.number);
    const count = this.rows.reduce((sum, row) => sum + row.count, 0);
    const values = { count: number(count), amount: money(this.sum, { signed: true, column: true, full: true }) };
    return h("tr", { role: "row" },
      h("td.label", { role: "cell", colspan: start }, t("statement.total")),
      this.shape.slice(start).map((column) => cell(column, values[column.id])));
  }

  row(row) {
    const node = h("tr", { role: "row", data: { event: row.event } }, this.shape.map((column) => cell(column, this.cells[column.id](row))));
    if (row.event) {
      node.classList.add("opens");
      node.addEventListener("click", (event) => {
        if (event.target.closest("a, button") || !document.getSelection()?.isCollapsed) return;
        location.hash = link(row);
      });
    }
    return node;
  }

  next() {
    const page = this.rows.slice(this.shown, this.shown + PAGE).map((row) => this.row(row));
    this.body.append(...page);
    this.shown += page.length;
    const left = this.shown < this.rows.length;
    this.more.hidden = !left;
    if (left) {
      this.more.replaceChildren(
        h("button.button", { type: "button", id: "more", on: { click: () => this.next() } }, t("log.more")),
        h("span", {}, t("log.shown", { shown: this.shown, total: this.rows.length })));
    }
  }
}
