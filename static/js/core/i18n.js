// Words. t(key, values) in the language shown; with a `count`, messages of the form "one | other" choose by it.
import { createI18n } from "vue-i18n";
import { remember } from "./prefs.js";

export const LANGUAGES = { en: "English", "zh-CN": "中文" };

const first = document.documentElement.lang in LANGUAGES ? document.documentElement.lang : "en";
const i18n = createI18n({
  legacy: false, locale: first, fallbackLocale: false, messages: {},
  // Keys are flat: "a" and "a.b" may both be there, in any order.
  messageResolver: (words, key) => words[key] ?? null,
  missingWarn: false, fallbackWarn: false, warnHtmlMessage: false,
});
const { locale } = i18n.global;

export const language = () => locale.value;
export const number = (value, options) => new Intl.NumberFormat(locale.value, options).format(value);
export const percent = (share, digits = 1) => number(share, { style: "percent", maximumFractionDigits: digits });

async function load(code) {
  if (i18n.global.availableLocales.includes(code)) return;
  const words = await import(`../locales/${code}/index.js`);
  i18n.global.setLocaleMessage(code, words.default);
}

/** Reads the words of the first language; called once, before anything is shown. */
export const startWords = () => load(first);

export async function setLanguage(code) {
  if (!(code in LANGUAGES) || code === locale.value) return;
  await load(code);
  locale.value = code;
  document.documentElement.lang = code;
  remember({ language: code });
}

const shown = (value) => (typeof value === "number" ? number(value) : String(value ?? ""));

export function t(key, values = {}) {
  const texts = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(value)]));
  return "count" in values ? i18n.global.t(key, texts, Number(values.count)) : i18n.global.t(key, texts);
}

export const has = (key) => i18n.global.te(key);

/** The word for a value of a closed list (an outcome, a type), or the value itself when a newer server sends one we do not know. */
export function word(list, value) {
  const key = `${list}.${value}`;
  return has(key) ? t(key) : String(value ?? "");
}

export default i18n;
