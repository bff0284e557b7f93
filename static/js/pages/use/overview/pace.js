// How long the balance lasts at the pace of the last seven days.
import { parseUsd } from "../../../core/money.js";
import { call } from "../../../core/session.js";
import { PATH } from "./report.js";

const DAY_MS = 86_400_000;
const LOOKED_AT_MS = 7 * DAY_MS;

/** {kind: "none" | "young" | "pace", days?: that the pace was measured over, perDay?: nano-dollars}. */
export async function readPace(signal) {
  const since = Date.now() - LOOKED_AT_MS;
  const [used, first] = await Promise.all([
    call.get(PATH, { from: new Date(since).toISOString(), by: "day" }, { signal }),
    call.get("/api/ledger/self/events", { type: "usage.charged", limit: 1, order: "asc" }, { signal }),
  ]);
  const spent = parseUsd(used.totals.charged) - parseUsd(used.totals.refunded);
  if (!first.data.length || spent <= 0n) return { kind: "none" };
  const over = Date.now() - Math.max(since, Date.parse(first.data[0].at));
  if (over < DAY_MS) return { kind: "young" };
  return { kind: "pace", days: Math.round(over / DAY_MS), perDay: (spent * BigInt(DAY_MS)) / BigInt(over) };
}

/** Whole days that a balance lasts, or null when the pace says nothing. */
export function daysLeft(balance, pace) {
  if (pace.kind !== "pace" || pace.perDay <= 0n || balance <= 0n) return null;
  return Number(balance / pace.perDay);
}
