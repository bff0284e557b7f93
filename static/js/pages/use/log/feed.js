// The rows of the log that match a filter, page by page, and what they sum to.
import { computed, ref, shallowRef } from "vue";
import { useLoad } from "../../../core/load.js";
import { nanoOf, parseUsd } from "../../../core/money.js";
import { call, isAdmin } from "../../../core/session.js";

export const PAGE = 50;
/** The log type of charges. */
export const CHARGE = 2;

/** Where the log is: everybody's for admins, one's own for others. */
export const logPath = (what = "") => `/api/log/${isAdmin.value ? "" : "self"}${isAdmin.value || !what ? what : `/${what}`}`;

export const idOf = (row) => row.event_id || `row:${row.id}`;
export const amountOf = (row) => nanoOf(row) ?? 0n;

/** What rows sum to, exactly. */
export function sumsOf(rows) {
  const sum = (name) => rows.reduce((total, row) => total + (Number(row[name]) || 0), 0);
  const add = (some) => some.reduce((total, row) => total + amountOf(row), 0n);
  const charges = rows.filter((row) => row.type === CHARGE);
  return { amount: add(rows), charges: add(charges), input: sum("prompt_tokens"), output: sum("completion_tokens"), count: rows.length };
}

/** The server tells what was charged as a positive cost; here amounts are signed as the account sees them. */
const statOf = ({ data }) => ({ amount: -parseUsd(data.amount), count: data.count });

/** `params()` gives the filter as the API takes it. `more` reads the next page, `tail` what is new at the top. */
export function useFeed(params) {
  const rows = shallowRef([]);
  const total = ref(0);
  const stat = shallowRef(null);
  const ended = ref(false);
  const fresh = shallowRef(new Set());
  let pages = 0;
  const page = (number, signal) => call.get(logPath(), { p: number, page_size: PAGE, ...params() }, { signal });
  const sums = (signal) => call.get(logPath("stat"), params(), { signal });

  async function first(signal) {
    const [list, charged] = await Promise.all([page(0, signal), sums(signal)]);
    if (signal.aborted) return;
    [rows.value, total.value, stat.value] = [list.data, list.total ?? list.data.length, statOf(charged)];
    [pages, ended.value, fresh.value] = [1, list.data.length < PAGE, new Set()];
  }
  /** Rows that moved down since the last page (newer ones arrived) are not shown twice. */
  async function further(signal) {
    const list = await page(pages, signal);
    if (signal.aborted) return;
    const seen = new Set(rows.value.map(idOf));
    rows.value = [...rows.value, ...list.data.filter((row) => !seen.has(idOf(row)))];
    pages += 1;
    [total.value, ended.value] = [list.total ?? total.value, list.data.length < PAGE];
  }
  async function newer(signal) {
    const [list, charged] = await Promise.all([page(0, signal), sums(signal)]);
    if (signal.aborted) return;
    const seen = new Set(rows.value.map(idOf));
    const arrived = list.data.filter((row) => !seen.has(idOf(row)));
    // More than a page came at once: what lies between is not here, so the list starts anew.
    if (arrived.length === list.data.length && rows.value.length) [rows.value, pages, ended.value] = [arrived, 1, arrived.length < PAGE];
    else rows.value = [...arrived, ...rows.value];
    [total.value, stat.value] = [list.total ?? total.value, statOf(charged)];
    if (arrived.length) fresh.value = new Set(arrived.map(idOf));
  }
  const STEPS = { first, more: further, tail: newer };
  const reading = ref("first");
  const { error, busy, run } = useLoad((signal, step) => STEPS[step](signal));
  const start = (step) => { reading.value = step; return run(step); };
  const complete = computed(() => rows.value.length >= total.value);
  return {
    rows, total, stat, fresh, error, complete,
    /** Reading that one waits for: looking for new rows goes on quietly. */
    busy: computed(() => busy.value && reading.value !== "tail"),
    hasMore: computed(() => !complete.value && !ended.value),
    load: () => start("first"), more: () => start("more"), again: () => start(reading.value),
    tail: () => (busy.value ? null : start("tail")),
  };
}

/** Whether anything is in the log at all, or anything of one type. */
export async function anyInLog(type = 0) {
  const list = await call.get(logPath(), { p: 0, page_size: 1, type });
  return list.data.length > 0;
}
