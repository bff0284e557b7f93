// The management API: one call, one envelope, errors in words with the request's id.
import { language, t } from "./i18n.js";

/** What went wrong. `kind`: "network", "signedout", "refused" (4xx) or "failed" (5xx, or an answer that makes no sense). */
export class ApiError extends Error {
  constructor(kind, message, { status = 0, requestId = "", detail = "", needs = "" } = {}) {
    super(message);
    Object.assign(this, { name: "ApiError", kind, status, requestId, detail, needs });
  }
}

function kindOf(status) {
  if (status === 401) return "signedout";
  return status >= 500 ? "failed" : "refused";
}

/** A fault of the server's is told in the reader's language, with the server's words beside it; a refusal in the server's words. */
function refusal(status, said, requestId, needs) {
  const kind = status < 400 && !said ? "failed" : kindOf(status);
  const own = t(kind === "failed" ? "error.server" : "error.refused", { status });
  return new ApiError(kind, kind === "failed" ? own : said || own, { status, requestId, needs, detail: kind === "failed" ? said : "" });
}

function address(path, params) {
  const filled = Object.entries(params ?? {}).filter(([, value]) => value !== "" && value != null && value !== 0);
  const query = new URLSearchParams(filled.map(([key, value]) => [key, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}

async function fetched(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("network", t("error.network"));
  }
}

/** A form goes out as it is, anything else as JSON. */
function outgoing(body) {
  if (body === undefined) return {};
  if (body instanceof FormData) return { body };
  return { body: JSON.stringify(body), type: "application/json" };
}

/** `headers` are further ones, such as an Idempotency-Key. */
async function ask(method, path, { params, body, signal, headers: more } = {}) {
  const sent = outgoing(body);
  const headers = { accept: "application/json", "accept-language": language(), ...(sent.type ? { "content-type": sent.type } : {}), ...more };
  return fetched(address(path, params), { method, headers, signal, body: sent.body });
}

async function read(response) {
  const requestId = response.headers.get("x-request-id") ?? "";
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  if (response.ok && answer && answer.success !== false) return { ...answer, text, requestId };
  const failed = refusal(response.status, answer?.message ?? "", requestId, response.headers.get("x-tollgate-needs") ?? "");
  throw Object.assign(failed, { data: answer?.data });
}

const call = async (...args) => read(await ask(...args));

/** Posts, and hands each line of a JSON Lines answer to `each` as it comes: for long work that tells its progress. */
export async function postLines(path, body, each, { signal } = {}) {
  const headers = { accept: "application/jsonl", "accept-language": language(), "content-type": "application/json" };
  const response = await fetched(path, { method: "POST", headers, signal, body: JSON.stringify(body) });
  const requestId = response.headers.get("x-request-id") ?? "";
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw refusal(response.status, answer?.message ?? "", requestId, "");
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new ApiError("failed", t("error.network"), { requestId });
    });
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) each(JSON.parse(line));
    if (done) return;
  }
}

export const get = (path, params, options) => call("GET", path, { params, ...options });
export const post = (path, body, options) => call("POST", path, { body, ...options });
export const put = (path, body, options) => call("PUT", path, { body, ...options });
export const remove = (path, params, options) => call("DELETE", path, { params, ...options });

/** The answer as a file (a Blob), for what can't be a plain link because something is sent for it. */
export async function file(path, body, options) {
  const response = await ask("POST", path, { body, ...options });
  return response.ok ? response.blob() : read(response);
}

/** The address of a download: what a link's href is. */
export const link = (path, params) => address(path, params);

/** "ready", "down", or "unknown" where health is served on another port. */
export async function health() {
  try {
    const { status } = await fetched("/health/ready", {});
    return status === 200 ? "ready" : status === 404 ? "unknown" : "down";
  } catch {
    return "down";
  }
}
