// Tables. Roles are written out because cards at phone width take the elements' own away.
import { h } from "./dom.js";


/** columns: [{id, label, number, class}]. Returns the table and its three parts. */
export function table(columns, caption) {
  const head = h("tr", { role: "row" }, columns.map((column) =>
    h("th", { role: "columnheader", scope: "col", class: `${column.number ? "number" : ""} ${column.class ?? ""}` }, column.label)));
  const body = h("tbody", { role: "rowgroup" });
  const foot = h("tfoot", { role: "rowgroup" });
  const node = h("table.table", { role: "table", "aria-label": caption },
    h("thead", { role: "rowgroup" }, head), body, foot);
  return { node, body, foot };
}

export function cell(column, content) {
  const blank = content === null || content === undefined || content === "";
  const cls = [column.number ? "number" : "", column.class ?? "", blank ? "empty" : ""].join(" ");
  const title = typeof content === "string" && /clip|wide/.test(column.class ?? "") ? content : null;
  return h("td", { role: "cell", class: cls, title, data: { label: column.label } }, blank ? null : content);
}

export function skeleton(columns, rows = 6) {
  return Array.from({ length: rows }, () =>
    h("tr.skeleton", { role: "row", "aria-hidden": "true" }, columns.map(() => h("td", { role: "cell" }, h("i", {})))));
}
