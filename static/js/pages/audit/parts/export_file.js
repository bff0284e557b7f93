// A vendor's export before it is sent: the names of its columns, and which of them are likely what we ask for.
import { number } from "../../../core/i18n.js";

export const FIELDS = ["request_id", "time", "model", "input", "output", "cost"];
const HEAD_BYTES = 64 << 10;
const DELIMITERS = [",", ";", "\t", "|"];

const LIKELY = {
  request_id: /^(upstream[_ ]?)?(request|req|completion|response|generation)?[_ -]?id$|request[_ ]?id/i,
  time: /^(time|date|created|timestamp|start)|created[_ ]?at|_at$|时间/i,
  model: /model|模型/i,
  input: /(input|prompt)[_ ]?(tokens?)?$|^in$|输入/i,
  output: /(output|completion)[_ ]?(tokens?)?$|^out$|输出/i,
  cost: /cost|amount|price|usd|charge|费用|金额/i,
};

/** The cells of the first line; the delimiter is the one that is there most often. */
export function columnsOf(text) {
  const line = text.replace(/^\ufeff/, "").split(/\r?\n/, 1)[0];
  const delimiter = DELIMITERS.reduce((best, one) => (line.split(one).length > line.split(best).length ? one : best));
  const cells = [""];
  let quoted = false;
  for (const letter of line) {
    if (letter === '"') quoted = !quoted;
    else if (letter === delimiter && !quoted) cells.push("");
    else cells[cells.length - 1] += letter;
  }
  return [...new Set(cells.map((cell) => cell.trim()).filter(Boolean))];
}

export const readColumns = async (file) => columnsOf(await file.slice(0, HEAD_BYTES).text());

/** Our fields with the columns that they probably are; no column twice. */
export function guess(columns) {
  const left = new Set(columns);
  return Object.fromEntries(FIELDS.map((field) => {
    const found = [...left].find((column) => LIKELY[field].test(column)) ?? "";
    left.delete(found);
    return [field, found];
  }));
}

/** Midnight, UTC, after a day, as the end that is not included; "" for none. */
export const dayAfter = (day) => (day ? new Date(Date.parse(day) + 86_400_000).toISOString().replace(".000Z", "Z") : "");

export const sizeText = (bytes) => (bytes < 1 << 20 ? `${number(Math.max(1, Math.round(bytes / 1024)))} kB` : `${number(bytes / (1 << 20), { maximumFractionDigits: 1 })} MB`);
