// Events of the ledger, page by page, newest first.
import { ref, shallowRef } from "vue";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";
import { boundsOf } from "../../../core/time.js";

const PAGE = 50;
export const iso = (seconds) => (seconds ? new Date(seconds * 1000).toISOString() : "");

/** The bounds of a TimeRange as parameters of the ledger. */
export function period(filter) {
  const { from, to } = boundsOf(filter);
  return { from: iso(from), to: iso(to) };
}

/** `wanted()` gives the parameters; `then(rows)` may add to rows before they are shown. */
export function useEvents(wanted, then = (rows) => rows) {
  const rows = shallowRef([]);
  const next = ref(null);
  const total = ref(null);
  const { error, busy, run } = useLoad(async (signal, further) => {
    if (!further) Object.assign(next, { value: null });
    const params = { limit: PAGE, order: "desc", ...wanted(), after: further ? next.value : "" };
    const answer = await call.get("/api/ledger/events", params, { signal });
    const shown = await then(answer.data, signal);
    if (signal.aborted) return;
    rows.value = further ? [...rows.value, ...shown] : shown;
    next.value = answer.next;
    total.value = answer.total;
  });
  return { rows, next, total, error, busy, run };
}
