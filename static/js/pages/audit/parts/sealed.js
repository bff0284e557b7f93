// Which events are sealed: those up to the heads that the newest seal names.
import { shallowRef } from "vue";
import { call } from "../../../core/session.js";

const MARKS = 200;

/** {sealedBy(row), look}: the number of the seal that binds a row, 0 for none yet, null while (or as far back as) it is unknown. */
export function useSealed() {
  const seals = shallowRef(null);
  async function look() {
    const { data } = await call.get("/api/ledger/events", { type: "ledger.sealed", account: "ledger", order: "desc", limit: MARKS });
    seals.value = data.map(({ body }) => ({ number: body.number, heads: new Map(body.heads.map(({ writer, seq }) => [writer, seq])) }));
  }
  function sealedBy(row) {
    if (!seals.value) return null;
    let found = 0;
    for (const { number, heads } of seals.value) {
      if ((heads.get(row.writer) ?? 0) < row.seq) break;
      found = number;
    }
    return found;
  }
  return { sealedBy, look: () => look().catch(() => { seals.value = null; }) };
}
