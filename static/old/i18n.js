// Words. t(key, values) looks up the language shown; a count picks the plural form `key.one` / `key.other`.
import { remember } from "./prefs.js";
import en from "./locales/en.js";
import zh from "./locales/zh-CN.js";

export const LANGUAGES = { en: "English", "zh-CN": "中文" };
const WORDS = { en, "zh-CN": zh };
const listeners = new Set();

let current = document.documentElement.lang in WORDS ? document.documentElement.lang : "en";

export const language = () => current;
export const onLanguage = (listener) => listeners.add(listener);

export function setLanguage(next) {
  if (!(next in WORDS) || next === current) return;
  current = next;
  document.documentElement.lang = next;
  remember({ language: next });
  for (const listener of listeners) listener();
}

export function t(key, values = {}) {
  const words = WORDS[current];
  let text = words[key];
  if (text === undefined && "count" in values) {
    const form = new Intl.PluralRules(current).select(Number(values.count));
    text = words[`${key}.${form}`] ?? words[`${key}.other`];
  }
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : String(value);
  });
}

/** The word for a value of a closed list (an outcome, a type), or the value itself when a newer server sends one we do not know. */
export function word(list, value) {
  return WORDS[current][`${list}.${value}`] ?? String(value ?? "");
}

export const number = (value) => new Intl.NumberFormat(current).format(value);
