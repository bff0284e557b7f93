// What is opened over a page (an event, a key): which one comes before and after it there, and whether it was changed from there.
import { onBeforeUnmount, ref, shallowRef, watchEffect } from "vue";

const offered = shallowRef(null);

/** A page offers the ids of its rows, in their order: `ids` is a function that reads them. */
export function useNeighbours(ids) {
  const mine = { ids: [] };
  watchEffect(() => { mine.ids = ids(); offered.value = { ...mine, owner: mine }; });
  onBeforeUnmount(() => { if (offered.value?.owner === mine) offered.value = null; });
}

/** The id some steps from this one, or null. */
export function beside(id, step) {
  const ids = offered.value?.ids ?? [];
  const at = ids.indexOf(id);
  return at < 0 ? null : ids[at + step] ?? null;
}

/** Counts what was changed from a drawer: a page that watches it reads again. */
export const changes = ref(0);
