// A client of Fairboard for browsers. fairboard.d.ts describes what it exports.

const RETRIED = new Set(["network", "unavailable", "in_progress", "too_soon", "rate_limited", "internal_error"]);
const TRIES = 6; // of a call that may be repeated, in a row
const TIMEOUT = 10_000; // ms; a stalled call counts as lost after that
const LEASE = 15_000; // ms; longer than any call
const LONGEST = 15_000; // ms between two tries at most, unless the server asks for more
const SILENCE = 75_000; // ms; the server pings every 30 s
const STEADY = 5_000; // ms of a live socket that end a row of failures
const EAGER = 6; // failed sockets in a row before the pauses grow
const LONGEST_EAGER = 2_000; // ms at most between two of these
const TRY = 8_000; // ms from opening a socket to its first board, and …
const LONGEST_TRY = 30_000; // … after several failures: the server may be slow for all
const PATIENCE = 3_000; // ms without a socket until the board is polled, and …
const EVERY = 2_000; // … ms between two of them

// The first try comes soon after these closes, at different times. Decision 32 has the sums.
const SOON = { 1001: [100, 900], 1006: [200, 900], 1012: [100, 900], 4408: [100, 500], 4409: [500, 1500] };

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const between = ([low, high]) => low + Math.random() * (high - low);

export function delayFor(code, failures) {
  if (failures === 0) return between(SOON[code] ?? [500, 1500]);
  const eager = Math.min(LONGEST_EAGER, 500 * 2 ** failures);
  const ceiling = failures <= EAGER ? eager : Math.min(LONGEST, LONGEST_EAGER * 2 ** (failures - EAGER));
  return between([ceiling / 2, ceiling]);
}

export const tryFor = (failures) => Math.min(LONGEST_TRY, TRY * 2 ** Math.floor(failures / 3));

export class FairboardError extends Error {
  constructor({ code, message, details = null }, status = 0, retryAfter = null, requestId = null) {
    super(message || code);
    Object.assign(this, { name: "FairboardError", code, details, status, retryAfter, requestId });
  }
}

export class Fairboard extends EventTarget {
  #base;
  #key;
  #storage;
  #held = null; // {user, access, refresh, renewAt, endsAt}
  #renewal = null;
  #timer = null;

  constructor(url = globalThis.location?.origin, { storage = defaultStorage(), key } = {}) {
    super();
    this.url = new URL(url).origin;
    this.#base = `${this.url}/api/v1`;
    this.#key = key ?? `fairboard:${this.url}`;
    this.#storage = storage;
    this.#adopt(this.#read());
    const reached = () => this.dispatchEvent(new Event("reached"));
    globalThis.addEventListener?.("storage", (event) => event.key === this.#key && this.#adopt(this.#read()));
    globalThis.addEventListener?.("online", reached);
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden || reached());
  }

  get user() {
    return this.#held?.user ?? null;
  }

  get id() {
    const id = this.#read(".id") ?? randomId();
    this.#write(".id", id);
    return id;
  }

  register = (username, password) => this.#enter("/auth/register", { username, password });
  signIn = (username, password) => this.#enter("/auth/login", { username, password });
  guest = async () => this.user ?? this.#enter("/auth/guest", {});

  async use(pair) {
    this.#keep(pair, pair.user ?? (await this.#fetch("GET", "/me", { token: pair.access_token })).data);
    return this.user;
  }

  async signOut() {
    const held = this.#held;
    this.#hold(null);
    if (held) await this.#alone(() => this.#endLogin(held)).catch(() => null);
  }

  async call(method, path, options) {
    return (await this.request(method, path, options)).data;
  }

  async request(method, path, { body, key, visitor, tries = method === "GET" || key ? TRIES : 1, signal, onRetry } = {}) {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#asPlayer(method, path, { body, key, visitor });
      } catch (error) {
        const most = error.code === "internal_error" ? Math.min(tries, TRIES) : tries;
        if (!RETRIED.has(error.code) || failures >= most || signal?.aborted) throw error;
        const backoff = Math.min(LONGEST, 200 * 2 ** failures) * (0.75 + Math.random() / 2);
        const wait = Math.max(backoff, error.retryAfter * 1000);
        onRetry?.(error, wait);
        await new Promise((resolve) => {
          setTimeout(resolve, wait);
          signal?.addEventListener("abort", resolve);
          if (!error.retryAfter) this.addEventListener("reached", resolve, { once: true });
        });
        if (signal?.aborted) throw error;
        onRetry?.(error, 0);
      }
    }
  }

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

  async top(board = "main", query = {}) {
    const { data, meta, links } = await this.request("GET", `/leaderboard/top?${new URLSearchParams({ board, ...query })}`);
    const next = links?.next ? new URL(links.next, this.url).searchParams.get("after") : null;
    return { rows: data, total: meta.total, next };
  }

  watch(board, onBoard, listeners) {
    return new Subscription(this, board, { onBoard, ...listeners });
  }

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
    const token = options.visitor ? null : await this.token();
    const envelope = await this.#fetch(method, path, { ...options, token }).catch(async (error) => {
      if (error.code !== "unauthorized" || !token) throw error;
      await this.renew(token);
      return this.#fetch(method, path, { ...options, token: this.#held?.access });
    });
    if (/^\/me(\/account)?$/.test(path)) this.#rename(envelope.data);
    return envelope;
  }

  #rename({ user_id, username } = {}) {
    const held = this.#read() ?? this.#held;
    if (held?.user?.user_id === user_id && held.user.username !== username) this.#hold({ ...held, user: { user_id, username } });
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
    } catch (error) {
      throw new FairboardError({ code: "network", message: unreached(this.url, error) });
    }
    const envelope = parse(text);
    const { ok, status, headers: received } = response;
    if (ok && (envelope || !text)) return { ...envelope, headers: received };
    const code = ok || status === 404 ? "unreadable" : status > 501 ? "unavailable" : "internal_error";
    const error = envelope?.error ?? { code, message: `${this.url} gives no answer of Fairboard's.` };
    const wait = Number(received.get("Retry-After")) || null;
    throw new FairboardError(error, status, wait, envelope?.meta?.request_id ?? null);
  }

  async #enter(path, body) {
    const { data } = await this.#fetch("POST", path, { body });
    this.#keep(data, data.user);
    return this.user;
  }

  /** Replace the token `stale`, unless another tab has: the second use of a refresh token ends the sign-in. */
  renew(stale) {
    this.#renewal ??= this.#alone(() => this.#renewAlone(stale)).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renewAlone(stale) {
    const held = this.#read() ?? this.#held;
    if (held?.access !== stale) return this.#adopt(held);
    try {
      this.#keep((await this.#fetch("POST", "/auth/refresh", { token: held.refresh })).data, held.user);
    } catch (error) {
      if (error.code === "unauthorized") this.#hold(null, error);
      else this.#plan(error.status === 403 ? 60_000 : (error.retryAfter ?? 5) * 1000);
      throw error;
    }
  }

  async #endLogin({ access, refresh, endsAt }) {
    const isOver = endsAt <= Date.now(); // as after a laptop's sleep
    const token = isOver ? (await this.#fetch("POST", "/auth/refresh", { token: refresh })).data.access_token : access;
    await this.#fetch("POST", "/auth/logout", { token });
  }

  /** Run `work` while no other tab does. Without https there are no locks, so a lease is stored. */
  async #alone(work) {
    if (globalThis.navigator?.locks) return navigator.locks.request(this.#key, work);
    const owner = randomId();
    const lease = () => this.#read(".lease") ?? { owner: this.#storage ? null : owner, until: 0 };
    while (lease().owner !== owner) {
      const left = lease().until - Date.now();
      if (left <= 0 || left > LEASE) this.#write(".lease", { owner, until: Date.now() + LEASE });
      await pause(40 + Math.random() * 40); // another tab may write too: the last one holds it
    }
    return work().finally(() => lease().owner === owner && this.#write(".lease"));
  }

  #keep(pair, user) {
    const life = pair.expires_in * 1000;
    this.#hold({
      user: user && { user_id: user.user_id, username: user.username },
      access: pair.access_token,
      refresh: pair.refresh_token,
      renewAt: Date.now() + life - Math.min(60_000, life / 5),
      endsAt: Date.now() + life,
    });
  }

  #read(part = "") {
    try {
      return parse(this.#storage?.getItem(this.#key + part));
    } catch {
      return null;
    }
  }

  #write(part, value) {
    try {
      if (value) this.#storage?.setItem(this.#key + part, JSON.stringify(value));
      else this.#storage?.removeItem(this.#key + part);
    } catch {
      this.#storage = null; // full or forbidden: the player lasts as long as the page
    }
  }

  #hold(held, error = null) {
    this.#write("", held);
    this.#adopt(held, error);
  }

  #adopt(held, error = null) {
    const before = this.#held;
    const { user_id, username } = before?.user ?? {};
    this.#held = held;
    this.#plan();
    if (before && !held) this.dispatchEvent(new CustomEvent("signout", { detail: error }));
    else if (held?.access !== before?.access) this.dispatchEvent(new Event("token"));
    if (held?.user && (held.user.user_id !== user_id || held.user.username !== username)) this.dispatchEvent(new Event("user"));
  }

  #plan(least = 1000) {
    clearTimeout(this.#timer);
    const held = this.#held;
    if (!held) return;
    const wait = Math.min(Math.max(held.renewAt - Date.now(), least), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.renew(held.access).catch(() => null), wait);
    this.#timer.unref?.();
  }
}

/** A live board on a socket of its own, which reconnects; meanwhile it is polled. */
class Subscription {
  #client;
  #on;
  #ends = new AbortController();
  #socket = null;
  #version = -1;
  #failures = 0;
  #timer;
  #silence;
  #liveSince = null;
  #isAsked = true; // the socket has yet to answer the last subscribe
  #refusal = null;
  #token; // the one of the last subscribe
  #poller;
  #etag = null;
  #missed = 0; // failed reads in a row

  constructor(client, board, on) {
    this.#client = client;
    this.#on = on;
    this.board = board;
    this.state = "connecting";
    const { signal } = this.#ends;
    client.addEventListener("token", () => this.#ask(), { signal });
    client.addEventListener("signout", () => this.#lost(1001), { signal });
    client.addEventListener("reached", () => this.#open(), { signal });
    globalThis.addEventListener?.("online", () => this.#check(), { signal });
    this.#open();
    this.#poll(PATIENCE);
  }

  close() {
    this.#ends.abort();
    this.#say("closed");
    this.#drop();
    clearTimeout(this.#poller);
  }

  turn(board) {
    this.board = board;
    this.#version = -1;
    this.#etag = null;
    this.#check();
    if (!this.#liveSince) this.#poll(0);
  }

  /** Ask once more: the socket may not have survived. */
  #check() {
    if (this.#liveSince) this.#say("connecting");
    this.#ask();
  }

  /** Try now, unless there is a socket. */
  async #open() {
    clearTimeout(this.#timer);
    const token = await this.#client.token().catch(() => false);
    if (this.#socket || this.#ends.signal.aborted) return;
    if (token === false) return this.#later(0); // the server was out of reach
    const { url, id } = this.#client;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/api/v1/ws/leaderboard?client=${id}`);
    this.#socket = socket;
    socket.onopen = () => this.#ask();
    socket.onmessage = ({ data }) => socket === this.#socket && this.#hear(parse(data) ?? {});
    socket.onclose = ({ code }) => socket === this.#socket && this.#lost(code);
    this.#expect(tryFor(this.#failures));
  }

  async #ask() {
    const socket = this.#socket;
    const token = await this.#client.token().catch(() => this.#token);
    if (socket !== this.#socket || socket?.readyState !== WebSocket.OPEN) return;
    this.#token = token;
    this.#isAsked = true;
    const me = this.#on.onStanding ? { me: true } : {};
    const message = token ? { type: "subscribe", auth: `Bearer ${token}`, ...me } : { type: "watch" };
    socket.send(JSON.stringify({ ...message, board: this.board }));
    if (this.#liveSince) this.#expect(tryFor(this.#failures));
  }

  #hear({ type, meta, data, changeInfo, timestamp, error }) {
    if (type === "ping") this.#socket.send(JSON.stringify({ type: "pong", timestamp }));
    if (type === "error") {
      this.#refusal = new FairboardError(error, meta?.code);
      if (this.#isAsked && this.#liveSince) return this.#lost(1013);
    }
    const isOwn = meta?.board === this.board; // not of the board before `turn`
    const isProof = type === "leaderboard.initial" && isOwn && this.#isAsked;
    if (isProof) {
      this.#isAsked = false;
      this.#liveSince ??= Date.now();
      this.#say("live");
      clearTimeout(this.#poller);
    }
    if (!this.#isAsked) this.#expect(SILENCE);
    if (type === "standing.update" && isOwn) this.#on.onStanding?.(data);
    if (/^leaderboard\.(initial|update)$/.test(type) && isOwn && meta.version > this.#version - isProof) {
      this.#etag = null;
      this.#version = meta.version; // the newest board wins; an answer may repeat it
      this.#on.onBoard({ rows: data, version: meta.version, online: meta.online, changes: changeInfo ?? [] });
    }
    if (isProof) this.#client.dispatchEvent(new Event("reached"));
  }

  async #lost(code) {
    const refusal = this.#refusal;
    this.#drop();
    if (refusal) this.#on.onError?.(refusal);
    if (this.#ends.signal.aborted) return;
    if (refusal?.code === "account_suspended" || refusal?.code === "not_found") return this.close();
    if (/^(live|connecting)/.test(this.state)) this.#poll(this.#version < 0 ? 0 : PATIENCE);
    if (this.state !== "polling") this.#say("reconnecting");
    if (refusal?.code === "unauthorized" && this.#token) await this.#client.renew(this.#token).catch(() => null);
    this.#later(code);
  }

  #later(code) {
    if (this.#socket || this.#ends.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), delayFor(code, this.#failures));
    this.#failures += 1;
  }

  #poll(ms) {
    clearTimeout(this.#poller);
    if (this.#on.fallback ?? true) this.#poller = setTimeout(() => this.#read(), ms);
  }

  async #read() {
    const { board } = this;
    const path = `/leaderboard/top?${new URLSearchParams({ board })}`;
    const isUnseen = globalThis.document?.hidden && this.state === "polling";
    const answer = !isUnseen && (await this.#client.request("GET", path, { tries: 1, visitor: true }).catch((error) => error));
    if (this.state === "live" || this.#ends.signal.aborted || board !== this.board) return;
    let wait = EVERY;
    if (answer instanceof Error) {
      this.#say("reconnecting");
      const isOver = answer.code === "unreadable" && this.#version < 0 && !this.#etag;
      if (isOver || !this.#missed) this.#on.onError?.(answer);
      if (isOver) return this.close();
      wait = Math.max(answer.retryAfter * 1000, Math.min(LONGEST, EVERY * 2 ** this.#missed++));
    } else if (answer) {
      this.#missed = 0;
      this.#say("polling");
      const etag = answer.headers.get("ETag");
      if (etag !== this.#etag) this.#on.onBoard({ rows: answer.data, version: null, online: null, changes: [] });
      this.#etag = etag;
    }
    this.#poll(wait);
  }

  #drop() {
    const socket = this.#socket;
    if (this.#liveSince && Date.now() - this.#liveSince >= STEADY) this.#failures = 0;
    this.#socket = this.#liveSince = this.#refusal = null;
    this.#isAsked = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    socket?.close();
  }

  #expect(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(1006), ms);
  }

  #say(state) {
    if (state === this.state || this.state === "closed") return;
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

// A browser hides the answer to a refused origin.
function unreached(url, { name }) {
  const origin = globalThis.location?.origin ?? url;
  const isHidden = name === "TypeError" && origin !== url;
  return `${url} can't be reached${isHidden ? `: it is down, or ${origin} is not in its ALLOWED_ORIGINS` : ""}.`;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// crypto.randomUUID exists on https and localhost only.
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
