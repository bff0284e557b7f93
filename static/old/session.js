// Who is signed in, and what the gateway says about itself.
import * as api from "./api.js";
import { nanoOf } from "./money.js";

const NANO_PER_QUOTA = 2000n;
const ADMIN = 10;

export class Session {
  constructor() {
    this.status = {};
    this.health = "checking";
    this.user = null;
    this.ended = false;
    this.balance = null;
    this.models = [];
    this.keys = null;
    this.listeners = new Set();
  }

  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    for (const listener of this.listeners) listener();
  }

  async start() {
    const [status] = await Promise.allSettled([api.get("/api/status"), this.watchHealth()]);
    if (status.status === "fulfilled") this.status = status.value.data ?? {};
    // The answer to "am I signed in?" is 401 for a stranger: asked only where a sign-in is remembered.
    if (localStorage.getItem("tollgate.signedin")) await this.resume();
  }

  async resume() {
    try {
      this.user = (await api.get("/api/user/self")).data;
    } catch (error) {
      if (error.kind === "signedout") return this.end();
      throw error;
    }
  }

  async watchHealth() {
    this.health = await api.health();
    this.changed();
  }

  async signIn(username, password, code, params = {}) {
    const proof = code ? { username, password, code } : { username, password };
    await this.signedIn(await api.post("/api/user/login", proof, { params }));
  }

  /** Goes on with the answer of whatever signed somebody in. */
  async signedIn({ data }) {
    this.user = data;
    this.ended = false;
    localStorage.setItem("tollgate.signedin", "1");
    await this.resume();
    this.changed();
  }

  async signOut() {
    await api.get("/api/user/logout");
    this.forget(false);
  }

  /** The server no longer knows us: back to sign-in, and say so if a page was open. */
  end() {
    this.forget(this.user !== null || Boolean(localStorage.getItem("tollgate.signedin")));
  }

  forget(ended) {
    localStorage.removeItem("tollgate.signedin");
    Object.assign(this, { user: null, ended, balance: null, models: [], keys: null });
    this.changed();
  }

  /** Runs a call for a signed-in person; a session that ended leads back to sign-in. */
  async guard(work) {
    try {
      return await work();
    } catch (error) {
      if (error.kind === "signedout") this.end();
      throw error;
    }
  }

  account() {
    return `user:${this.user.id}`;
  }

  isAdmin() {
    return (this.user?.role ?? 0) >= ADMIN;
  }

  /** Where the ledger answers this person: everybody's for admins, one's own for others. */
  ledger() {
    return this.isAdmin() ? "/api/ledger" : "/api/ledger/self";
  }

  async loadBalance() {
    const { data } = await this.guard(() => api.get("/api/ledger/self/balance", { account: this.account() }));
    this.balance = nanoOf(data, "balance");
    this.changed();
  }

  async loadModels() {
    const { data } = await this.guard(() => api.get("/api/user/available_models"));
    this.models = [...(data ?? [])].sort();
    this.changed();
  }

  async loadKeys() {
    const keys = [];
    for (let page = 0; ; page += 1) {
      const { data, total } = await this.guard(() => api.get("/api/token/", { p: page, page_size: 100 }));
      keys.push(...data);
      if (data.length < 100 || (total !== undefined && keys.length >= total)) break;
    }
    this.keys = keys;
    this.changed();
    return keys;
  }

  /** Where programs reach the API: what the operator set, or the address of this page when that names only the machine itself. */
  address() {
    const set = String(this.status.server_address ?? "").replace(/\/+$/, "");
    const useful = /^https?:\/\/[^\s"'`$\\]+$/.test(set) && !/\/\/(localhost|127\.|\[::1\])/.test(set);
    return useful ? set : location.origin;
  }
}

export const nanoOfQuota = (quota) => BigInt(quota ?? 0) * NANO_PER_QUOTA;
