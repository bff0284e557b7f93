// What accounts are called: "user:42" is somebody, "channel:3" has a name. Asked for once each, when first shown.
import { reactive } from "vue";
import { call, isAdmin } from "./session.js";

const KINDS = { user: { path: "/api/user/search", name: "username" }, channel: { path: "/api/channel/search", name: "name" } };
const known = reactive(new Map());

async function find(account) {
  const [kind, id] = account.split(":");
  const { path, name } = KINDS[kind];
  // A search finds nobody without calling that a failure, and several may begin like the id.
  const { data } = await call.get(path, { keyword: id, page_size: 100 });
  const found = (data.items ?? data).find((one) => String(one.id) === id);
  if (found) known.set(account, found[name]);
}

/** The name of an account, "" as long as (or when) none is known, and for those who are not to know. */
export function nameOf(account) {
  if (!isAdmin.value || !/^(user|channel):\d+$/.test(account ?? "")) return "";
  if (!known.has(account)) {
    known.set(account, "");
    find(account).catch(() => known.delete(account));
  }
  return known.get(account) ?? "";
}

/** Takes a name down that an answer brought along. */
export function learn(account, name) {
  if (name) known.set(account, name);
}

/** As the books name accounts, and those who record something. */
const isNamed = (text) => /^(user|key|channel|code|lot|budget|payment|cli):\S+$|^(codes|prices|directory|ledger|system)$/.test(text);

/** The account that a person means: itself, a user's number, or a user's name; null for none. */
export async function accountOf(text) {
  if (text === "" || isNamed(text)) return text;
  const { data } = await call.get("/api/user/search", { keyword: text, page_size: 100 });
  const found = (data.items ?? data).find((one) => one.username === text) ?? (data.items ?? data).find((one) => String(one.id) === text);
  return found ? `user:${found.id}` : null;
}
