// The rows of the log that match a filter, page by page, and what they sum to.
import * as api from "./api.js";
import { nanoOf, parseUsd } from "./money.js";
import { startOf } from "./time.js";

export const PAGE = 50;
/** The log type of charges. */
export const CHARGE = 2;

const idOf = (row) => row.event_id || `row:${row.id}`;

export function amountOf(row) {
  try {
    return nanoOf(row) ?? null;
  } catch {
    return null;
  }
}

export class Feed {
  constructor(session) {
    this.session = session;
    this.rows = [];
    this.total = 0;
    this.stat = null;
    this.page = 0;
    this.filter = {};
    this.running = null;
  }

  params() {
    const { range, model, type } = this.filter;
    return { model_name: model ?? "", type: Number(type) || 0, start_timestamp: startOf(range ?? "7d") };
  }

  /** First page and totals, together; an older answer that comes late is dropped. */
  async load(filter) {
    this.running?.abort();
    const running = new AbortController();
    Object.assign(this, { filter, running });
    const { signal } = running;
    const params = this.params();
    const [list, stat] = await this.session.guard(() => Promise.all([
      api.get("/api/log/self", { p: 0, page_size: PAGE, ...params }, { signal }),
      api.get("/api/log/self/stat", params, { signal }),
    ]));
    this.rows = [...list.data];
    this.page = 1;
    this.total = list.total ?? list.data.length;
    this.ended = false;
    // The server tells what was charged as a positive cost; here amounts are signed as the account sees them.
    this.stat = { amount: -parseUsd(stat.data.amount), count: stat.data.count };
  }

  /** The next page. Rows that moved down since the last page (newer ones arrived) are not shown twice. */
  async more() {
    const { signal } = this.running;
    const list = await this.session.guard(() =>
      api.get("/api/log/self", { p: this.page, page_size: PAGE, ...this.params() }, { signal }));
    const seen = new Set(this.rows.map(idOf));
    const fresh = list.data.filter((row) => !seen.has(idOf(row)));
    this.rows.push(...fresh);
    this.page += 1;
    this.total = list.total ?? this.total;
    this.ended = list.data.length < PAGE;
    return fresh;
  }

  /** Whether anything is in the log at all, or anything of one type. */
  async any(type = 0) {
    const list = await this.session.guard(() => api.get("/api/log/self", { p: 0, page_size: 1, type }));
    return list.data.length > 0;
  }

  get complete() {
    return this.rows.length >= this.total;
  }

  /** What the rows shown sum to, exactly. */
  sums() {
    const sum = (name) => this.rows.reduce((total, row) => total + (Number(row[name]) || 0), 0);
    const add = (rows) => rows.reduce((total, row) => total + (amountOf(row) ?? 0n), 0n);
    const charges = add(this.rows.filter((row) => row.type === CHARGE));
    return { amount: add(this.rows), charges, input: sum("prompt_tokens"), output: sum("completion_tokens"), count: this.rows.length };
  }
}
