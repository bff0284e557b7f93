// One answer of the gateway, as it comes: the same route, key and charge as for any program.
import { ApiError } from "../../../core/api.js";
import { t } from "../../../core/i18n.js";

const CHAT = "/v1/chat/completions";
const MODELS = "/v1/models";

async function asked(path, key, options = {}) {
  const headers = { authorization: `Bearer ${key}`, ...(options.body ? { "content-type": "application/json" } : {}) };
  try {
    return await fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError("network", t("error.network"));
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What the gateway said that went wrong. It is an answer to the key, not to the session: no kind "signedout". */
function refusal(response, said) {
  const { status } = response;
  const message = said?.error?.message || t(status >= 500 ? "error.server" : "error.refused", { status });
  return new ApiError(status >= 500 ? "failed" : "refused", message, { status, requestId: response.headers.get("x-request-id") ?? "" });
}

/** The models that a key may use. */
export async function modelsOf(key, signal) {
  const response = await asked(MODELS, key, { signal });
  const said = parsed(await response.text());
  if (!response.ok) throw refusal(response, said);
  return (said?.data ?? []).map(({ id }) => id).sort();
}

/** The data of server-sent events, one text after another. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  } finally {
    reader.cancel().catch(() => null);
  }
}

const textOf = (content) => (typeof content === "string" ? content : "");

/** What one piece adds: {text, thought, usage, finish}. */
function pieceOf(said) {
  const [choice] = said.choices ?? [];
  const delta = choice?.delta ?? choice?.message ?? {};
  const calls = delta.tool_calls ? JSON.stringify(delta.tool_calls) : "";
  return { text: textOf(delta.content) + calls, thought: textOf(delta.reasoning_content ?? delta.reasoning), usage: said.usage ?? null, finish: choice?.finish_reason ?? "" };
}

/**
 * Sends `body` with `key`; `begun({event})` tells the id of the charge, `piece(…)` each part. Resolves when the answer ended well.
 * Throws ApiError, or AbortError when `signal` ended it.
 */
export async function ask(body, key, signal, { begun, piece }) {
  const response = await asked(CHAT, key, { method: "POST", signal, body: JSON.stringify(body) });
  const event = response.headers.get("x-tollgate-event") ?? "";
  begun({ event });
  if (!response.ok) throw refusal(response, parsed(await response.text()));
  if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
    return piece(pieceOf(parsed(await response.text()) ?? {}));
  }
  let ended = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") ended = true;
      const said = data === "[DONE]" ? null : parsed(data);
      if (said?.error) throw refusal(response, said);
      if (said) piece(pieceOf(said));
    }
  } catch (error) {
    throw error instanceof ApiError || error.name === "AbortError" ? error : new ApiError("failed", t("play.broken"));
  }
  if (!ended) throw new ApiError("failed", t("play.broken"));
  return undefined;
}
