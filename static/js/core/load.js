// Reading from the server for a page: what came, what went wrong, whether it is under way. An older answer that comes late is dropped.
import { onBeforeUnmount, ref, shallowRef } from "vue";

/**
 * `read(signal, ...args)` does the reading. Returns {data, error, busy, run}: refs, and a function that reads (again).
 * `data` keeps the last answer while a new one is on its way.
 */
export function useLoad(read, first = null) {
  const data = shallowRef(first);
  const error = shallowRef(null);
  const busy = ref(false);
  let running = null;
  onBeforeUnmount(() => running?.abort());

  async function run(...args) {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    busy.value = true;
    error.value = null;
    try {
      const answer = await read(mine.signal, ...args);
      if (running === mine) data.value = answer;
    } catch (problem) {
      if (running === mine) error.value = problem;
    } finally {
      if (running === mine) busy.value = false;
    }
    return data.value;
  }
  return { data, error, busy, run };
}

/** For an action behind a button: {busy, error, act}. `act` does nothing while it is under way; it returns whether it went well. */
export function useAction(work) {
  const busy = ref(false);
  const error = shallowRef(null);
  async function act(...args) {
    if (busy.value) return false;
    busy.value = true;
    error.value = null;
    try {
      await work(...args);
      return true;
    } catch (problem) {
      error.value = problem;
      return false;
    } finally {
      busy.value = false;
    }
  }
  return { busy, error, act };
}

/** Calls `work` every so often while the page is looked at, and never twice at once. */
export function useEvery(interval_ms, work) {
  let going = false;
  const timer = setInterval(async () => {
    if (going || document.visibilityState !== "visible") return;
    going = true;
    try {
      await work();
    } finally {
      going = false;
    }
  }, interval_ms);
  onBeforeUnmount(() => clearInterval(timer));
}
