// What an answer cost: told by the books, never reckoned here.
import { parseUsd } from "../../../core/money.js";
import { call } from "../../../core/session.js";

const TRIES = 45;
const WAIT_MS = 150;
const MOST_WAIT_MS = 2000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * The charge of an event in nano-dollars. An answer that was stopped is charged when its model has come to an end, so it is looked for a
 * while; null when there is no charge by then, or when `isOver()` says that nobody waits any more.
 */
export async function costOf(event, isOver) {
  for (let tried = 0; tried < TRIES && !isOver(); tried += 1) {
    const { data } = await call.get("/api/log/self/search", { keyword: event });
    const found = data.find((row) => row.event_id === event);
    if (found) return -parseUsd(found.amount);
    await pause(Math.min(WAIT_MS * 2 ** tried, MOST_WAIT_MS));
  }
  return null;
}
