// Who is signed in, and what the gateway says about itself.
import { computed, reactive } from "vue";
import * as api from "./api.js";
import { nanoOf } from "./money.js";

export const NANO_PER_QUOTA = 2000n;
export const ROLES = { anyone: 0, user: 1, admin: 10, root: 100 };
const REMEMBERED = "tollgate.signedin";

/** `balance` is nano-dollars (BigInt) or null before it is known; `keys` null before they are read. */
export const session = reactive({
  status: {}, health: "checking", user: null, ended: false, balance: null, models: [], keys: null,
});

export const role = computed(() => session.user?.role ?? ROLES.anyone);
export const isAdmin = computed(() => role.value >= ROLES.admin);
export const isRoot = computed(() => role.value >= ROLES.root);
export const systemName = computed(() => session.status.system_name || "Tollgate");

export const account = () => `user:${session.user.id}`;
/** Where the ledger answers this person: everybody's for admins, one's own for others. */
export const ledger = () => (isAdmin.value ? "/api/ledger" : "/api/ledger/self");
export const nanoOfQuota = (quota) => BigInt(quota ?? 0) * NANO_PER_QUOTA;

export async function start() {
  const [status] = await Promise.allSettled([api.get("/api/status"), watchHealth()]);
  if (status.status === "rejected") throw status.reason;
  session.status = status.value.data ?? {};
  // The answer to "am I signed in?" is 401 for a stranger: asked only where a sign-in is remembered.
  if (localStorage.getItem(REMEMBERED)) await resume();
}

export async function resume() {
  try {
    session.user = (await api.get("/api/user/self")).data;
  } catch (error) {
    if (error.kind !== "signedout") throw error;
    end();
  }
}

export async function watchHealth() {
  session.health = await api.health();
}

export async function signIn(username, password, code, params = {}) {
  const proof = code ? { username, password, code } : { username, password };
  await signedIn(await api.post("/api/user/login", proof, { params }));
}

/** Goes on with the answer of whatever signed somebody in. */
export async function signedIn({ data }) {
  session.ended = false;
  localStorage.setItem(REMEMBERED, "1");
  session.user = data;
  await resume();
}

export async function signOut() {
  await api.get("/api/user/logout");
  forget(false);
}

/** The server no longer knows us: back to sign-in, and say so if a page was open. */
export function end() {
  forget(session.user !== null || Boolean(localStorage.getItem(REMEMBERED)));
}

function forget(ended) {
  localStorage.removeItem(REMEMBERED);
  Object.assign(session, { user: null, ended, balance: null, models: [], keys: null });
}

/** Runs a call for a signed-in person; a session that ended leads back to sign-in. */
export async function guard(work) {
  try {
    return await work();
  } catch (error) {
    if (error.kind === "signedout") end();
    throw error;
  }
}

/** The API for a signed-in person: call.get(path, params), call.post(path, body) and so on, as api.js has them. */
export const call = Object.fromEntries(
  ["get", "post", "put", "remove", "file", "postLines"].map((verb) => [verb, (...args) => guard(() => api[verb](...args))]),
);

export async function loadBalance() {
  const { data } = await call.get("/api/ledger/self/balance", { account: account() });
  session.balance = nanoOf(data, "balance");
}

export async function loadModels() {
  const { data } = await call.get("/api/user/available_models");
  session.models = [...(data ?? [])].sort();
}

export async function loadKeys() {
  const keys = [];
  for (let page = 0; ; page += 1) {
    const { data, total } = await call.get("/api/token/", { p: page, page_size: 100 });
    keys.push(...data);
    if (data.length < 100 || (total !== undefined && keys.length >= total)) break;
  }
  session.keys = keys;
  return keys;
}

/** Where programs reach the API: what the operator set, or the address of this page when that names only the machine itself. */
export function address() {
  const set = String(session.status.server_address ?? "").replace(/\/+$/, "");
  const useful = /^https?:\/\/[^\s"'`$\\]+$/.test(set) && !/\/\/(localhost|127\.|\[::1\])/.test(set);
  return useful ? set : location.origin;
}
