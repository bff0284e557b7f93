// What a program needs to reach this gateway: ready texts with the address, the key and a model.
import { t } from "./i18n.js";
import { address, session } from "./session.js";

export const fullKey = (key) => (key.startsWith("sk-") ? key : `sk-${key}`);

/** A model that is likely to answer a first question. */
export function likelyModel(models = session.models) {
  const find = (pattern) => models.find((name) => pattern.test(name));
  return find(/sandbox/) ?? find(/gpt|chat|claude|qwen|glm|deepseek/) ?? models[0] ?? "gpt-4o-mini";
}

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curl({ key, model }) {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: t("snippet.hello") }] });
  return `curl ${shell(`${address()}/v1/chat/completions`)} \\\n  -H 'Content-Type: application/json' \\\n  -H 'Authorization: Bearer ${key}' \\\n  -d ${shell(body)}`;
}

export function python({ key, model }) {
  return `from openai import OpenAI

client = OpenAI(
    base_url=${JSON.stringify(`${address()}/v1`)},
    api_key=${JSON.stringify(key)},
)
answer = client.chat.completions.create(
    model=${JSON.stringify(model)},
    messages=[{"role": "user", "content": ${JSON.stringify(t("snippet.hello"))}}],
)
print(answer.choices[0].message.content)`;
}

export function claudeCode({ key, model }) {
  return `export ANTHROPIC_BASE_URL=${shell(address())}
export ANTHROPIC_AUTH_TOKEN=${shell(key)}
export ANTHROPIC_MODEL=${shell(model)}
claude`;
}

export function codex({ key, model }) {
  return `# ~/.codex/config.toml
model = ${JSON.stringify(model)}
model_provider = "tollgate"

[model_providers.tollgate]
name = "Tollgate"
base_url = ${JSON.stringify(`${address()}/v1`)}
env_key = "TOLLGATE_API_KEY"
wire_api = "responses"

# In the shell: export TOLLGATE_API_KEY=${shell(key)}`;
}
