// The options as they are stored, what was typed over them, and saving only that.
import { computed, reactive } from "vue";
import * as api from "../../core/api.js";
import { t } from "../../core/i18n.js";
import { useLoad } from "../../core/load.js";
import { call, session } from "../../core/session.js";
import { faultOf } from "../../parts/Json.js";
import { kindOf, MAPS } from "./option_table.js";

const PATH = "/api/option/";

/**
 * Switches need other options first, and what they need can't be emptied while they are on: so what is turned off comes
 * first, then what is filled in, then what is turned on, and what is emptied comes last.
 */
function order(name, text, kind) {
  if (kind === "boolean") return text === "true" ? 2 : 0;
  return text === "" ? 3 : 1;
}

const unnamed = (message, name) => (message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message);

export function useOptions() {
  const typed = reactive({});
  const wrong = reactive({});
  const { data, error, run } = useLoad(async (signal) => {
    const answer = await call.get(PATH, {}, { signal });
    return { ...answer, values: Object.fromEntries(answer.data.map(({ key, value }) => [key, value])) };
  });
  const all = computed(() => (data.value ? [...Object.keys(data.value.values), ...Object.keys(data.value.secrets)] : []));
  const kind = (name) => kindOf(name, data.value);
  const stored = (name) => data.value.values[name] ?? "";
  const valueOf = (name) => typed[name] ?? (kind(name) === "secret" ? "" : stored(name));
  const isChanged = (name) => typed[name] !== undefined;

  function type(name, text) {
    delete wrong[name];
    if (kind(name) !== "secret" && text === stored(name)) delete typed[name];
    else typed[name] = text;
  }
  function forget(list) {
    for (const name of list) {
      delete typed[name];
      delete wrong[name];
    }
  }
  async function saveOne(name) {
    try {
      await call.put(PATH, { key: name, value: typed[name] });
      delete typed[name];
      return true;
    } catch (problem) {
      if (problem.kind !== "refused") throw problem;
      wrong[name] = unnamed(problem.message, name);
      return false;
    }
  }
  /** Saves what was changed of these, each by itself; returns how many were refused, with the reason at their fields. */
  async function save(list) {
    const changed = list.filter(isChanged);
    for (const name of changed.filter((one) => kind(one) === "json")) {
      const fault = faultOf(typed[name], MAPS[name].check);
      wrong[name] = fault ? t("options.badjson") : "";
    }
    if (changed.some((name) => wrong[name])) return changed.filter((name) => wrong[name]).length;
    let refused = 0;
    const place = (name) => order(name, typed[name], kind(name));
    for (const name of [...changed].sort((one, other) => place(one) - place(other))) refused += (await saveOne(name)) ? 0 : 1;
    await run();
    session.status = (await api.get("/api/status")).data ?? session.status;
    return refused;
  }
  return { data, error, run, all, kind, valueOf, isChanged, type, forget, save, wrong, typed };
}
