// The first request, ready to paste: own key, this server, a model that answers.
import { h } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";

export const fullKey = (key) => (key.key?.startsWith("sk-") ? key.key : `sk-${key.key}`);

export function maskedKey(key) {
  const full = fullKey(key);
  return `${full.slice(0, 7)}\u2026${full.slice(-4)}`;
}

export const secret = (key) => h("data.exact.mono", { value: fullKey(key), class: "secret" }, maskedKey(key));

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function parts(session, key, model) {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: t("snippet.hello") }] });
  return {
    before: `curl ${quoted(`${session.address()}/v1/chat/completions`)} \\\n  -H 'Content-Type: application/json' \\\n  -H 'Authorization: Bearer `,
    after: `' \\\n  -d ${quoted(body)}`,
    key,
  };
}

export function snippet(session, key) {
  const preferred = session.models.find((name) => /sandbox/.test(name)) ?? session.models.find((name) => /gpt|chat|claude|qwen|glm|deepseek/.test(name));
  const { before, after } = parts(session, key, preferred ?? session.models[0] ?? "gpt-4o-mini");
  const code = h("pre", { tabindex: "0" }, before, secret(key), after);
  const button = copyButton(() => before + fullKey(key) + after, { label: t("copy"), words: true });
  return h("div", { class: "stack" },
    h("div.snippet", {}, code, button),
    h("p.small.quiet", {}, t("keys.firstHint")));
}
