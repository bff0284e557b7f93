// Rounds over many channels: begun here or by anybody, followed while they run.
import { computed, onMounted, reactive, shallowRef } from "vue";
import { has, number, t } from "../../core/i18n.js";
import { useEvery } from "../../core/load.js";
import { call } from "../../core/session.js";
import { html } from "../../html.js";
import { Ago } from "./channel_status.js";

const LOOK_MS = 1500;
const AT_ONCE = 4;

/** `ended` is called when a round is over that was seen running. */
export function useRounds(ended) {
  const rounds = shallowRef({});
  const running = computed(() => Object.values(rounds.value).some((round) => round.running));
  async function look() {
    const before = rounds.value;
    rounds.value = (await call.get("/api/channel/care")).data;
    if (Object.keys(before).some((kind) => before[kind].running && !rounds.value[kind]?.running)) await ended();
  }
  async function begin(path, params) {
    await call.get(path, params);
    rounds.value = { ...rounds.value, begun: { running: true } };
    await look();
  }
  onMounted(() => look().catch(() => null));
  // What one look misses, the next one sees.
  useEvery(LOOK_MS, async () => running.value && look().catch(() => null));
  return { rounds, begin };
}

/** Tests of chosen channels, one request each, a few at once. `results`: Map of id → "running" or {ok, message, seconds}. */
export function useTests(reread) {
  const results = reactive(new Map());
  const progress = reactive({ done: 0, of: 0 });
  async function test(id, params = {}) {
    results.set(id, "running");
    let found;
    try {
      const answer = await call.get(`/api/channel/test/${id}`, params);
      found = { ok: true, message: answer.message, seconds: answer.time, model: answer.modelName };
    } catch (error) {
      found = { ok: false, message: error.message, error };
    }
    results.set(id, found);
    await reread(id).catch(() => null);
    return found;
  }
  async function testMany(ids) {
    const waiting = [...ids];
    Object.assign(progress, { done: 0, of: waiting.length });
    const failed = [];
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        if (!(await test(id)).ok) failed.push(id);
        progress.done += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    Object.assign(progress, { done: 0, of: 0 });
    return { of: ids.length, failed: failed.length };
  }
  return { results, progress, test, testMany };
}

function foundText(found) {
  const parts = Object.entries(found ?? {}).map(([label, { count }]) => {
    const key = `channel.found.${label.replaceAll(" ", "-")}`;
    return `${has(key) ? t(key) : label} ${number(count)}`;
  });
  return parts.join(" · ");
}

const line = (name, round) => html`<div class="round" key=${name}>
  <span>${t(`channel.round.${name}`)}</span>
  ${round.running ? html`<progress max=${round.total || 1} value=${round.done} aria-label=${t(`channel.round.${name}`)} /><span>${t("channel.round.of", { done: round.done, total: round.total })}</span>` : html`<${Ago} at=${round.ended_at} />`}
  <span class="quiet">${foundText(round.found)}</span></div>`;

/** Rounds that run, and the newest that is over, in a line each. */
export const RoundLines = {
  name: "RoundLines",
  props: { rounds: { type: Object, required: true }, progress: { type: Object, required: true } },
  setup: (props) => () => {
    const known = ["tests", "balances", "models"].filter((kind) => props.rounds[kind]).map((kind) => [kind, props.rounds[kind]]);
    const { done, of } = props.progress;
    const chosen = of ? [["chosen", { running: true, done, total: of }]] : [];
    const lines = [...chosen, ...known];
    return lines.length ? html`<div class="rounds small">${lines.map(([kind, round]) => line(kind, round))}</div>` : null;
  },
};
