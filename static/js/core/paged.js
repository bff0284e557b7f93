// Lists that the API gives by numbered pages: read on as one scrolls.
import { computed, ref, shallowRef } from "vue";
import { useLoad } from "./load.js";

const SIZE = 50;

/** `read({p, page_size}, signal)` gives an answer with `data` and `total`; `idOf(row)` tells rows apart. */
export function usePaged(read, idOf) {
  const rows = shallowRef([]);
  const total = ref(0);
  let next = 0;
  let reading = false;
  const { error, busy, run } = useLoad(async (signal, further) => {
    const page = further ? next : 0;
    const answer = await read({ p: page, page_size: SIZE }, signal);
    if (signal.aborted) return;
    // Rows that moved down since the last page (newer ones arrived) are not shown twice.
    const seen = new Set(further ? rows.value.map(idOf) : []);
    rows.value = [...(further ? rows.value : []), ...answer.data.filter((row) => !seen.has(idOf(row)))];
    [total.value, next] = [answer.data.length < SIZE ? rows.value.length : answer.total ?? rows.value.length + 1, page + 1];
  });
  const start = (further) => { reading = further; return run(further); };
  const hasMore = computed(() => rows.value.length < total.value);
  return { rows, total, error, busy, hasMore, load: () => start(false), more: () => start(true), again: () => start(reading) };
}
