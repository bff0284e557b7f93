// A conversation, kept in this page's memory only: turns, what each answer cost, and asking.
import { computed, onBeforeUnmount, reactive, ref } from "vue";
import { costOf } from "./cost.js";
import { ask } from "./stream.js";

let counted = 0;
const turn = (fields) => {
  counted += 1;
  return reactive({ id: counted, text: "", ...fields });
};
const question = (text) => turn({ role: "user", text });
const answer = (model) => turn({ role: "assistant", model, thought: "", state: "going", event: "", cost: null, pricing: false, usage: null, finish: "", error: null, firstMs: null, totalMs: null });

const said = ({ role, text }) => role === "user" || text !== "";

/** `settings()` gives {body, key}: what is sent beside the messages, and the secret. */
export function useTalk(settings) {
  const turns = ref([]);
  const spent = ref(0n);
  const priced = ref(0);
  const unpriced = ref(0);
  let stopping = null;
  let isOver = false;
  onBeforeUnmount(() => { isOver = true; stopping?.abort(); });
  const busy = computed(() => turns.value.at(-1)?.state === "going");

  async function price(one) {
    one.pricing = true;
    try {
      one.cost = await costOf(one.event, () => isOver);
    } catch {
      one.cost = null;
    }
    one.pricing = false;
    if (one.cost === null) {
      unpriced.value += 1;
      return;
    }
    spent.value += one.cost;
    priced.value += 1;
  }

  async function run() {
    const { body, system, key } = settings();
    const history = turns.value.filter(said).map(({ role, text }) => ({ role, content: text }));
    const messages = system ? [{ role: "system", content: system }, ...history] : history;
    const one = answer(body.model);
    turns.value = [...turns.value, one];
    const mine = new AbortController();
    stopping = mine;
    const began = performance.now();
    const since = () => Math.round(performance.now() - began);
    try {
      await ask({ ...body, messages }, key, mine.signal, {
        begun: ({ event }) => { one.event = event; },
        piece: ({ text, thought, usage, finish }) => {
          if (one.firstMs === null && (text || thought)) one.firstMs = since();
          one.text += text;
          one.thought += thought;
          one.usage = usage ?? one.usage;
          one.finish = finish || one.finish;
        },
      });
      one.state = "done";
    } catch (error) {
      one.state = error.name === "AbortError" ? "stopped" : "failed";
      if (one.state === "failed") one.error = error;
    }
    one.totalMs = since();
    if (one.event) await price(one);
  }

  function send(text) {
    turns.value = [...turns.value, question(text)];
    return run();
  }
  /** Asks a question of before with other words: what came after it goes. */
  function change(id, text) {
    turns.value = turns.value.slice(0, turns.value.findIndex((one) => one.id === id));
    return send(text);
  }
  /** Answers again: the answer, and what came after it, goes. */
  function again(id) {
    turns.value = turns.value.slice(0, turns.value.findIndex((one) => one.id === id));
    return run();
  }
  const stop = () => stopping?.abort();
  function clear() {
    stop();
    turns.value = [];
  }
  return { turns, spent, priced, unpriced, busy, send, change, again, stop, clear };
}
