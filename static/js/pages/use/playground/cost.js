// What an answer cost: told by the books, never reckoned here.
import { parseUsd } from "../../../core/money.js";
import { call } from "../../../core/session.js";

const TRIES = 12;
const WAIT_MS = 150;
const MOST_WAIT_MS = 1000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * The charge of an event in nano-dollars. An answer that was stopped is charged a moment after that, so it is asked for a few times;
 * null when there is no charge by then.
 */
export async function costOf(event) {
  for (let tried = 0; tried < TRIES; tried += 1) {
    try {
      const { data } = await call.get(`/api/ledger/self/events/${encodeURIComponent(event)}`);
      return -parseUsd(data.amount);
    } catch (error) {
      if (error.status !== 404) throw error;
    }
    await pause(Math.min(WAIT_MS * 2 ** tried, MOST_WAIT_MS));
  }
  return null;
}
