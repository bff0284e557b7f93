// The state of the books: what is sealed, what the audit and the last verification found. Several pages show it.
import { computed } from "vue";
import { useLoad } from "../../../core/load.js";
import { call } from "../../../core/session.js";

/** Findings that say that something is missing from, or stands wrongly in, the order of events. */
const GAPS = new Set(["event missing", "event inserted", "event invalid", "chain broken", "order changed"]);
const US_PER_MS = 1_000;

export const timeOf = (us) => new Date(us / US_PER_MS).toISOString();

/** {books, error, busy, run}: `books` is null until it is known. */
export function useBooks() {
  const { data, error, busy, run } = useLoad(async (signal) => {
    const [audit, seals, runs, events] = await Promise.all([
      call.get("/api/ledger/audit", {}, { signal }),
      call.get("/api/ledger/seals", { limit: 1 }, { signal }),
      call.get("/api/ledger/verifications", {}, { signal }),
      call.get("/api/ledger/events", { limit: 1, order: "desc" }, { signal }),
    ]);
    return { audit: audit.data, history: audit.history, seal: seals.data[0] ?? null, runs: runs.data, events: events.total };
  });
  const books = computed(() => data.value && told(data.value));
  return { books, error, busy, run };
}

function told(found) {
  const { audit, runs, seal } = found;
  const verified = runs.find((one) => one.state === "done") ?? null;
  const faults = (audit?.faults ?? 0) + (verified?.report.faults_found ?? 0);
  return {
    ...found, verified, faults,
    running: runs.find((one) => one.state === "running") ?? null,
    sealed: seal && timeOf(seal.sealed_us),
    gaps: (audit?.findings ?? []).filter(({ kind }) => GAPS.has(kind)).length,
    writers: audit?.writers ?? verified?.report.writers ?? 0,
  };
}
