// The live connection: subscribes, answers pings, and reconnects.

import { randomId, shared } from "./storage.js";

const CLIENT = "fairboard.client"; // an id of this browser, with which a load balancer keeps its tabs on one server
const PATH = "/api/v1/ws/leaderboard";
const SILENCE = 75_000; // ms; the server pings every 30 s, so a connection that is silent for this long is dead
const STEADY = 5_000; // ms of a live connection after which earlier failures no longer count
const EAGER = 6; // failed tries in a row before the pauses grow: by then a killed or restarted server is back
const LONGEST_EAGER = 2_000; // ms at most between two of these tries
const LONGEST = 15_000; // ms at most between two later tries
const TRY = 8_000; // ms from opening a socket to its first board; after them the try has failed …
const LONGEST_TRY = 30_000; // … and the longest time after several failures, for a server that is slow for all clients

// After these closes the server is up, or soon will be: the first try comes soon, spread so that not all clients come at once.
const SOON = { 1001: [100, 900], 1006: [200, 900], 1012: [100, 900], 4408: [100, 500], 4409: [500, 1500] };

function clientId() {
  const known = shared.read(CLIENT);
  if (/^[0-9a-f]{32}$/.test(known)) return known;
  const made = randomId();
  shared.write(CLIENT, made);
  return made;
}

const between = ([low, high]) => low + Math.random() * (high - low);

/** Return the ms until the next try, after `failures` failed tries in a row and a close with `code`. Decision 32 has the sums. */
export function delayFor(code, failures) {
  if (failures === 0) return between(SOON[code] ?? [500, 1500]);
  const eager = Math.min(LONGEST_EAGER, 500 * 2 ** failures);
  const ceiling = failures <= EAGER ? eager : Math.min(LONGEST, LONGEST_EAGER * 2 ** (failures - EAGER));
  return between([ceiling / 2, ceiling]);
}

/** Return the ms that a try may take after `failures` sockets that ended or failed in a row. */
export const tryFor = (failures) => Math.min(LONGEST_TRY, TRY * 2 ** Math.floor(failures / 3));

/**
 * Events: `board` (detail: the server's message), `state` (detail: connecting | live | reconnecting), `suspended`, `missing`
 * (the board does not exist).
 */
export class LiveSocket extends EventTarget {
  #session;
  #board = null; // the slug of the board to subscribe to
  #ws = null;
  #timer = null;
  #watch = null;
  #failures = 0;
  #liveSince = null;
  #refusal = null;
  #token = null;
  #running = false;
  #checking = false; // the network came back, and the socket has yet to prove that it is alive

  constructor(session) {
    super();
    this.#session = session;
    session.addEventListener("renew", () => this.#liveSince && this.#subscribe(session.held.access));
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#say("connecting");
    this.#open();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#drop();
  }

  /** Try at once: the network came back, or the page is visible again. */
  hurry() {
    if (!this.#running || this.#ws) return;
    clearTimeout(this.#timer);
    this.#open();
  }

  /** Subscribe to another board; on an open socket the state is `live` again once it has come. */
  turn(board) {
    this.#board = board;
    if (!this.#ask() && this.#token) this.#subscribe(this.#token); // a socket that is not live yet was asked for the board of before
  }

  /** Ask for the board once more on the open socket: the network came back, and the socket may not have survived. */
  check() {
    if (this.#ask()) this.#say("connecting");
  }

  /** Subscribe on a live socket, and wait for the answer as for a first one. Return false without such a socket. */
  #ask() {
    if (!this.#running || !this.#liveSince) return false;
    this.#checking = true;
    this.#subscribe(this.#session.held.access);
    this.#listen();
    return true;
  }

  async #open() {
    let token;
    try {
      token = await this.#session.token();
    } catch {
      return this.#later(0); // after a sign-out the session's listener stops us; if the server was out of reach, try again
    }
    if (!this.#running || this.#ws) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const ws = new WebSocket(`${scheme}://${location.host}${PATH}?client=${clientId()}`);
    this.#ws = ws;
    this.#refusal = null;
    ws.onopen = () => this.#subscribe(token);
    ws.onmessage = (event) => ws === this.#ws && this.#hear(event.data);
    ws.onclose = (event) => ws === this.#ws && this.#closed(event.code);
    this.#listen();
  }

  #subscribe(token) {
    this.#token = token;
    if (this.#ws?.readyState === WebSocket.OPEN) {
      this.#ws.send(JSON.stringify(this.#session.subscription(token, this.#board)));
    }
  }

  #hear(text) {
    const message = parse(text);
    if (message?.type === "ping") this.#ws.send(JSON.stringify({ type: "pong", timestamp: message.timestamp }));
    if (message?.type === "error") this.#refusal = message.error?.code ?? null;
    const isOther = message?.meta?.board !== this.#board; // the socket was turned to this board since
    const isProof = message?.type === "leaderboard.initial" && !isOther && (!this.#liveSince || this.#checking);
    if (isProof) {
      this.#liveSince ??= Date.now();
      this.#checking = false;
    }
    if (this.#liveSince) this.#listen();
    if (isProof) this.#say("live");
    if (!isOther && (message?.type === "leaderboard.initial" || message?.type === "leaderboard.update")) {
      this.dispatchEvent(new CustomEvent("board", { detail: message }));
    }
    if (message?.type === "error" && this.#checking) this.#closed(1013); // a socket whose subscribe failed has the board of before
  }

  #closed(code) {
    const refusal = this.#refusal;
    this.#drop();
    if (!this.#running) return;
    if (refusal === "account_suspended") {
      this.#running = false;
      this.dispatchEvent(new Event("suspended"));
      return;
    }
    if (refusal === "not_found") this.dispatchEvent(new Event("missing"));
    this.#say("reconnecting");
    // Replace a refused token first; if that fails, the session reports it and the next try comes after its pause.
    if (refusal === "unauthorized") this.#session.renew(this.#token).catch(() => null).then(() => this.#later(code));
    else this.#later(code);
  }

  #later(code) {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), delayFor(code, this.#failures));
    this.#failures += 1;
  }

  #drop() {
    const ws = this.#ws;
    if (this.#liveSince && Date.now() - this.#liveSince >= STEADY) this.#failures = 0;
    this.#ws = null;
    this.#liveSince = null;
    this.#checking = false;
    clearTimeout(this.#watch);
    ws?.close();
  }

  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#closed(1006), this.#liveSince && !this.#checking ? SILENCE : tryFor(this.#failures));
  }

  #say(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
