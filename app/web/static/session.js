// The sign-in of this browser. Tokens live in local storage, so that every tab has the same ones.
//
// A refresh token works once: its second use ends the whole sign-in. So only one tab at a time renews, and the others take
// over its new tokens.

import { Refused, call } from "./api.js";
import { exclusive, shared } from "./storage.js";

const KEY = "fairboard.session";
const LOCK = "fairboard.renewal";

/** Events: `enter` (signed in), `renew` (new access token), `rename` (new name), `leave` (detail: a Refused, or null after a sign-out). */
export class Session extends EventTarget {
  #timer = null;
  #renewal = null;

  constructor() {
    super();
    this.held = shared.read(KEY);
    window.addEventListener("storage", (event) => event.key === KEY && this.#adopt(shared.read(KEY)));
    document.addEventListener("visibilitychange", () => document.hidden || this.#plan());
    this.#plan();
  }

  /** Return {user_id, username}, or null. */
  get user() {
    return this.held?.user ?? null;
  }

  signUp(username, password) {
    return this.#enter("/auth/register", { username, password });
  }

  signIn(username, password) {
    return this.#enter("/auth/login", { username, password });
  }

  /** Play without an account; this browser alone comes back to it, until it is made a full one. */
  enterAsGuest() {
    return this.#enter("/auth/guest", {});
  }

  /** Note the player's new name, in every tab. */
  rename(username) {
    if (!this.held) return;
    const held = { ...this.held, user: { ...this.held.user, username } };
    shared.write(KEY, held);
    this.#adopt(held);
  }

  /** Sign out here at once, and end the login on the server if it can be reached. */
  async signOut() {
    const held = this.held;
    shared.remove(KEY);
    this.#adopt(null);
    if (held) await exclusive(LOCK, () => endLogin(held)).catch(() => null);
  }

  /** Return an access token that is valid now. Throws Refused. */
  async token() {
    if (this.held && this.held.renewAt <= Date.now()) await this.#renewOrMakeDo(this.held);
    if (!this.held) throw new Refused({ code: "unauthorized", status: 401 });
    return this.held.access;
  }

  /** Return the socket's message that asks for a board. */
  subscription(token, board) {
    return { type: "subscribe", auth: `Bearer ${token}`, board };
  }

  /** Call `api.call` as this player; a refused token is renewed once. */
  async call(method, path, options = {}) {
    const token = await this.token();
    try {
      return await call(method, path, { ...options, token });
    } catch (refused) {
      if (refused.code !== "unauthorized") throw refused;
      await this.renew(token);
      return this.#again(method, path, options);
    }
  }

  async #renewOrMakeDo({ access, endsAt }) {
    try {
      await this.renew(access);
    } catch (refused) {
      if (refused.code === "unauthorized" || endsAt <= Date.now()) throw refused; // otherwise the old token is still valid
    }
  }

  async #again(method, path, options) {
    try {
      return await call(method, path, { ...options, token: await this.token() });
    } catch (refused) {
      if (refused.code === "unauthorized") this.#end(refused);
      throw refused;
    }
  }

  /** Replace the access token `stale`, unless another tab has done so already. */
  renew(stale) {
    this.#renewal ??= exclusive(LOCK, () => this.#renewAlone(stale)).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renewAlone(stale) {
    const held = shared.read(KEY);
    if (!held || held.access !== stale) return this.#adopt(held);
    try {
      const { data } = await call("POST", "/auth/refresh", { token: held.refresh });
      this.#keep(data, held.user);
    } catch (refused) {
      if (refused.code === "unauthorized") this.#end(refused);
      else this.#plan(refused.status === 403 ? 60_000 : (refused.retryAfter ?? 5) * 1000);
      throw refused;
    }
  }

  async #enter(path, body) {
    const { data } = await call("POST", path, { body });
    this.#keep(data, data.user);
  }

  #keep(data, user) {
    const life = data.expires_in * 1000;
    const margin = Math.min(60_000, life / 5);
    const held = {
      user: { user_id: user.user_id, username: user.username },
      access: data.access_token,
      refresh: data.refresh_token,
      renewAt: Date.now() + life - margin,
      endsAt: Date.now() + life,
    };
    shared.write(KEY, held);
    this.#adopt(held);
  }

  #end(refused) {
    shared.remove(KEY);
    this.#adopt(null, refused);
  }

  #adopt(held, refused = null) {
    const before = this.held;
    this.held = held;
    this.#plan();
    if (!held && before) this.dispatchEvent(new CustomEvent("leave", { detail: refused }));
    else if (held && held.user.user_id !== before?.user.user_id) this.dispatchEvent(new Event("enter"));
    else if (held && held.access !== before.access) this.dispatchEvent(new Event("renew"));
    else if (held && held.user.username !== before.user.username) this.dispatchEvent(new Event("rename"));
  }

  #plan(least = 0) {
    clearTimeout(this.#timer);
    if (!this.held) return;
    const wait = Math.max(least, this.held.renewAt - Date.now() + Math.random() * 500, 0);
    const stale = this.held.access;
    this.#timer = setTimeout(() => this.renew(stale).catch(() => null), Math.min(wait, 2 ** 31 - 1));
  }
}

// An expired access token (after a laptop's sleep) can't sign out: exchange the refresh token for a new pair first.
async function endLogin({ access, refresh, endsAt }) {
  const token = endsAt > Date.now() ? access : (await call("POST", "/auth/refresh", { token: refresh })).data.access_token;
  await call("POST", "/auth/logout", { token });
}
