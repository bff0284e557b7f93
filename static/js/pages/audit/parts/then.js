// Balances as of one or two times, of one account or of all users, as the ledger has them.
import { nanoOf } from "../../../core/money.js";
import { learn } from "../../../core/names.js";
import { call } from "../../../core/session.js";

const PAGE = 50;
/** What the two questions are called by the server. */
const QUESTIONS = { recorded: "known_at", effective: "at" };

function row(account, [first, second = null]) {
  return { account, first, second, change: second === null ? null : second - first };
}

/**
 * `times` holds one or two instants ("" is now). `give(rows, total)` is called with each page: rows {account, first, second, change},
 * nano-dollars as BigInt.
 */
export async function readBalances({ account, times, counts, signal }, give) {
  const ask = (path, time, params) => call.get(path, { ...params, [QUESTIONS[counts] ?? "known_at"]: time }, { signal });
  if (account) {
    const answers = await Promise.all(times.map((time) => ask("/api/ledger/balance", time, { account })));
    return give([row(account, answers.map(({ data }) => nanoOf(data, "balance")))], 1);
  }
  for (let after = 0; after !== null;) {
    const pages = await Promise.all(times.map((time) => ask("/api/ledger/balances", time, { limit: PAGE, after })));
    const second = new Map((pages[1]?.data ?? []).map((one) => [one.account, nanoOf(one, "balance")]));
    if (signal.aborted) return null;
    for (const one of pages[0].data) learn(one.account, one.username);
    give(pages[0].data.map((one) => row(one.account, [nanoOf(one, "balance"), ...(pages[1] ? [second.get(one.account) ?? 0n] : [])])), pages[0].total);
    after = pages[0].next ?? null;
  }
  return null;
}
