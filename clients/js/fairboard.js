// A client of Fairboard for browsers: accounts, actions and live boards. The types are in fairboard.d.ts.

const RETRIED = new Set(["network", "unavailable", "in_progress", "too_soon", "rate_limited", "internal_error"]);
const TRIES = 6; // of a call that may be repeated, in a row
const TIMEOUT = 10_000; // ms; a stalled connection counts as lost after that
const SILENCE = 75_000; // ms; the server pings every 30 s
const FIRST_BOARD = 10_000; // ms from opening a socket to its first board
const LONGEST = 15_000; // ms between two tries at most, unless the server asks for more

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const backoff = (failures) => Math.min(LONGEST, 400 * 2 ** failures) * (0.5 + Math.random() / 2);

/** A refusal by the server, or a server out of reach (`network`). */
export class FairboardError extends Error {
  constructor({ code, message, details = null }, status = 0, retryAfter = null, requestId = null) {
    super(message || code);
    Object.assign(this, { name: "FairboardError", code, details, status, retryAfter, requestId });
  }
}

/** A player at one server. Tokens are kept in `storage`, so that a reload and other tabs have the same player. */
export class Fairboard extends EventTarget {
  #base;
  #key;
  #storage;
  #held = null; // {user, access, refresh, renewAt, endsAt}
  #renewal = null;
  #timer = null;

  constructor(url = globalThis.location?.origin, { storage = defaultStorage() } = {}) {
    super();
    this.url = new URL(url).origin;
    this.#base = `${this.url}/api/v1`;
    this.#key = `fairboard:${this.url}`;
    this.#storage = storage;
    this.#adopt(this.#read());
    globalThis.addEventListener?.("storage", (event) => event.key === this.#key && this.#adopt(this.#read()));
  }

  /** The signed-in player, {user_id, username}, or null. */
  get user() {
    return this.#held?.user ?? null;
  }

  register = (username, password) => this.#enter("/auth/register", { username, password });
  signIn = (username, password) => this.#enter("/auth/login", { username, password });
  /** Play as a new guest, unless somebody is signed in. */
  guest = async () => this.user ?? this.#enter("/auth/guest", {});

  /** Take over a token pair that the game's own server got for its player. */
  async use(pair) {
    this.#keep(pair, pair.user ?? null);
    if (!pair.user) this.#keep(pair, await this.call("GET", "/me"));
    return this.user;
  }

  async signOut() {
    const held = this.#held;
    this.#write(null);
    if (held) await this.#fetch("POST", "/auth/logout", { token: held.access }).catch(() => null);
  }

  /** Return the `data` of a call, as the player if there is one. Reads, and calls with a `key`, are repeated. */
  async call(method, path, { body, key } = {}) {
    return (await this.request(method, path, { body, key })).data;
  }

  /** Return the whole envelope of a call: `data`, `meta` and `links`. */
  async request(method, path, { body, key, tries = method === "GET" || key ? TRIES : 1 } = {}) {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#asPlayer(method, path, { body, key });
      } catch (error) {
        if (!RETRIED.has(error.code) || failures + 1 >= tries) throw error;
        await pause(Math.max(backoff(failures), (error.retryAfter ?? 0) * 1000));
      }
    }
  }

  /** Begin an action; complete it with `complete(result, metadata)` of what is returned. */
  async start(actionType) {
    const action = await this.call("POST", "/actions", { body: { action_type: actionType } });
    let key = randomId(); // one for all tries, so that a lost answer never loses points
    const complete = async (result, metadata) => {
      const body = { token: action.token, result, metadata };
      try {
        return (await this.request("POST", `/actions/${action.action_id}/complete`, { body, key, tries: 30 })).data;
      } catch (error) {
        if (error.status === 422) key = randomId(); // the server keeps a refused result's key for a day
        throw error;
      }
    };
    return { ...action, complete };
  }

  /** Return {rows, total, next} of a board: `limit`, `after`, `season` and `segment` as in the API. */
  async top(board = "main", query = {}) {
    const { data, meta, links } = await this.request("GET", `/leaderboard/top?${new URLSearchParams({ board, ...query })}`);
    const next = links?.next ? new URL(links.next, this.url).searchParams.get("after") : null;
    return { rows: data, total: meta.total, next };
  }

  /** Keep `onBoard({rows, version, changes})` up to date with the top ten; returns the subscription, with `close()`. */
  watch(board, onBoard, { onStanding, onState, onError } = {}) {
    return new Subscription(this, board, { onBoard, onStanding, onState, onError });
  }

  /** Return an access token that is valid now, or null without a player. */
  async token() {
    const held = this.#held;
    if (held && held.renewAt <= Date.now()) {
      await this.renew(held.access).catch((error) => {
        if (error.code === "unauthorized" || held.endsAt <= Date.now()) throw error;
      });
    }
    return this.#held?.access ?? null;
  }

  async #asPlayer(method, path, options) {
    const token = await this.token();
    try {
      return await this.#fetch(method, path, { ...options, token });
    } catch (error) {
      if (error.code !== "unauthorized" || !token) throw error;
      await this.renew(token);
      return this.#fetch(method, path, { ...options, token: this.#held?.access });
    }
  }

  async #fetch(method, path, { body, key, token } = {}) {
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response, text;
    try {
      const signal = AbortSignal.timeout(TIMEOUT);
      response = await fetch(this.#base + path, { method, headers, body: JSON.stringify(body), credentials: "omit", signal });
      text = await response.text();
    } catch {
      throw new FairboardError({ code: "network", message: "The server can't be reached." });
    }
    const envelope = parse(text) ?? {};
    if (response.ok) return envelope;
    const error = envelope.error ?? { code: response.status > 501 ? "unavailable" : "internal_error" };
    const wait = Number(response.headers.get("Retry-After")) || null;
    throw new FairboardError(error, response.status, wait, envelope.meta?.request_id ?? null);
  }

  async #enter(path, body) {
    const { data } = await this.#fetch("POST", path, { body });
    this.#keep(data, data.user);
    return this.user;
  }

  /** Replace the token `stale`, unless another tab has: a refresh token works once, its second use ends the sign-in. */
  renew(stale) {
    const alone = (work) => (globalThis.navigator?.locks ? navigator.locks.request(this.#key, work) : work());
    this.#renewal ??= alone(async () => {
      const held = this.#read() ?? this.#held;
      if (held?.access !== stale) return this.#adopt(held);
      try {
        this.#keep((await this.#fetch("POST", "/auth/refresh", { token: held.refresh })).data, held.user);
      } catch (error) {
        if (error.code === "unauthorized") this.#write(null);
        throw error;
      }
    }).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  #keep(pair, user) {
    const life = pair.expires_in * 1000;
    this.#write({
      user: user && { user_id: user.user_id, username: user.username },
      access: pair.access_token,
      refresh: pair.refresh_token,
      renewAt: Date.now() + life - Math.min(60_000, life / 5),
      endsAt: Date.now() + life,
    });
  }

  #read() {
    try {
      return parse(this.#storage?.getItem(this.#key));
    } catch {
      return null;
    }
  }

  #write(held) {
    try {
      if (held) this.#storage?.setItem(this.#key, JSON.stringify(held));
      else this.#storage?.removeItem(this.#key);
    } catch {
      this.#storage = null; // full or forbidden: the player lasts as long as the page
    }
    this.#adopt(held);
  }

  #adopt(held) {
    const before = this.#held;
    this.#held = held;
    clearTimeout(this.#timer);
    if (held) {
      const wait = Math.min(Math.max(held.renewAt - Date.now(), 1000), 2 ** 31 - 1);
      this.#timer = setTimeout(() => this.renew(held.access).catch(() => null), wait);
      this.#timer.unref?.();
    }
    if (held?.access !== before?.access) this.dispatchEvent(new Event(held ? "token" : "signout"));
  }
}

/** One live board on a socket of its own, which reconnects by itself. Signed-in players subscribe, others watch. */
class Subscription {
  #client;
  #on;
  #socket = null;
  #version = -1;
  #failures = 0;
  #timer = null;
  #silence = null;
  #refusal = null;
  #token = null; // the one of the last subscribe
  #changed;

  constructor(client, board, on) {
    this.#client = client;
    this.#on = on;
    this.board = board;
    this.state = "connecting";
    this.#changed = ({ type }) => (type === "token" ? this.#ask() : this.#lost());
    client.addEventListener("token", this.#changed);
    client.addEventListener("signout", this.#changed);
    this.#open();
  }

  close() {
    this.#client.removeEventListener("token", this.#changed);
    this.#client.removeEventListener("signout", this.#changed);
    this.#say("closed");
    this.#drop();
  }

  #open() {
    const socket = new WebSocket(`${this.#client.url.replace(/^http/, "ws")}/api/v1/ws/leaderboard`);
    this.#socket = socket;
    this.#refusal = null;
    socket.onopen = () => this.#ask();
    socket.onmessage = ({ data }) => socket === this.#socket && this.#hear(parse(data) ?? {});
    socket.onclose = () => socket === this.#socket && this.#lost();
    this.#expect(FIRST_BOARD);
  }

  async #ask() {
    const socket = this.#socket;
    const token = await this.#client.token().catch(() => null);
    if (socket !== this.#socket || socket?.readyState !== WebSocket.OPEN) return;
    this.#token = token;
    const me = this.#on.onStanding ? { me: true } : {};
    const message = token ? { type: "subscribe", auth: `Bearer ${token}`, ...me } : { type: "watch" };
    socket.send(JSON.stringify({ ...message, board: this.board }));
  }

  #hear({ type, meta, data, changeInfo, timestamp, error }) {
    this.#expect(SILENCE);
    if (type === "ping") this.#socket.send(JSON.stringify({ type: "pong", timestamp }));
    if (type === "error") this.#refusal = new FairboardError(error, meta?.code);
    if (type === "standing.update") this.#on.onStanding?.(data);
    if (type !== "leaderboard.initial" && type !== "leaderboard.update") return;
    if (type === "leaderboard.initial") {
      this.#failures = 0;
      this.#say("live");
    }
    if (meta.version <= this.#version) return; // the newest board wins, whatever server it comes from
    this.#version = meta.version;
    this.#on.onBoard({ rows: data, version: meta.version, changes: changeInfo ?? [] });
  }

  #lost() {
    const refusal = this.#refusal;
    this.#drop();
    if (refusal) this.#on.onError?.(refusal);
    if (refusal?.code === "account_suspended" || refusal?.code === "not_found") return this.close();
    if (refusal?.code === "unauthorized" && this.#token) this.#client.renew(this.#token).catch(() => null);
    this.#say("reconnecting");
    this.#timer = setTimeout(() => this.#open(), backoff(this.#failures));
    this.#failures = Math.min(this.#failures + 1, 6);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    socket?.close();
  }

  #expect(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), ms);
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.#on.onState?.(state);
  }
}

function defaultStorage() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // forbidden, as in some frames
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
