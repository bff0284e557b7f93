// The balance of one account after each of its events, as its statement has it: nothing is added up here.
import { computed } from "vue";
import { call } from "../../../core/session.js";

const STATED = /^(user|key|channel):\d+$/;
const narrow = ({ type, request, actor }) => Boolean(type || request || actor);

/** The microsecond after a time as the books write it, "2026-01-31T10:00:00.123456Z". */
export function after(text) {
  const [, second, micros] = /^(.*)\.(\d{6})Z$/.exec(text);
  const next = Number(micros) + 1;
  if (next < 1_000_000) return `${second}.${String(next).padStart(6, "0")}Z`;
  return new Date(Date.parse(`${second}Z`) + 1000).toISOString().replace(/\.\d+Z$/, ".000000Z");
}

/** {applies, add}: whether balances are shown, and what adds them to rows that came newest first. */
export function useBalances(filter) {
  // Where other events were left out, the stretch between two rows may be as long as the books.
  const applies = computed(() => STATED.test(filter.value.account) && !narrow(filter.value));
  async function add(rows, signal) {
    if (!applies.value || !rows.length) return rows;
    const span = { account: filter.value.account, from: rows.at(-1).ts, to: after(rows[0].ts) };
    const { data } = await call.get("/api/ledger/statement", span, { signal });
    const lines = new Map(data.rows.map((line) => [line.event, line]));
    return rows.map((row) => ({ ...row, line: lines.get(row.id) ?? null }));
  }
  return { applies, add };
}
