// The source of the board: the socket for players; the public board every two seconds for other visitors, and for players
// while the socket is down.

import { call } from "./api.js";
import { LiveSocket } from "./socket.js";

const EVERY = 2_000; // ms between two reads of the public board
const LONGEST = 5_000; // ms between two failed reads, unless the server asks for more
const PATIENCE = 3_000; // ms without a socket until the public board replaces it

/**
 * Events: `board` (detail: rows), `online` (detail: players), `state` (detail: a key of words.CONNECTION), `suspended`, `missing`
 * (the board does not exist, or not for everyone).
 */
export class Feed extends EventTarget {
  #socket;
  #board = null; // a slug, null before the first
  #version = -1;
  #polled = false; // the board on the screen is the public one, which has no version
  #live = false;
  #wanted = false; // this visitor should have a socket
  #suspended = false;
  #etag = null;
  #timer = null;
  #round = 0; // an answer of an earlier round is ignored
  #unreached = 0;
  #failed = false; // the socket's last try failed

  constructor(session) {
    super();
    this.#socket = new LiveSocket(session);
    this.#socket.addEventListener("board", (event) => this.#pushed(event.detail));
    this.#socket.addEventListener("state", (event) => this.#turned(event.detail));
    for (const name of ["suspended", "missing"]) this.#socket.addEventListener(name, () => this.dispatchEvent(new Event(name)));
    window.addEventListener("online", () => {
      this.#socket.check();
      this.#back();
    });
    window.addEventListener("offline", () => this.#say("offline"));
    document.addEventListener("visibilitychange", () => document.hidden || this.#back());
  }

  /** Choose the source for the visitor: signed out, a player, or a suspended player. */
  follow({ signedIn, suspended }) {
    this.#suspended = suspended;
    this.#wanted = signedIn && !suspended;
    if (this.#board !== null) this.#run(this.#version < 0 && !this.#polled ? 0 : PATIENCE);
  }

  /** Follow this board from now on. */
  turn(board) {
    const patience = this.#live ? PATIENCE : 0;
    this.#board = board;
    this.#version = -1;
    this.#polled = this.#live = false;
    this.#etag = null;
    this.#socket.turn(board);
    this.#run(patience);
  }

  /** Say that the server has not even told which boards there are. */
  unreached() {
    this.#say("reconnecting");
  }

  /** Read the public board after `patience` ms if no socket has brought it until then. */
  #run(patience) {
    if (this.#wanted) {
      this.#socket.start();
      if (!this.#live) this.#poll(patience);
    } else {
      this.#socket.stop();
      this.#live = false;
      this.#poll(0);
    }
  }

  #back() {
    if (this.#board === null) return;
    if (this.#wanted) this.#socket.hurry();
    if (!this.#live) this.#poll(0);
  }

  #turned(state) {
    const was = this.#live;
    this.#live = state === "live";
    this.#failed = state === "reconnecting";
    if (this.#live) this.#quiet();
    else if (was) this.#poll(PATIENCE);
    this.#say(state);
  }

  #pushed({ meta, data }) {
    this.dispatchEvent(new CustomEvent("online", { detail: meta.online }));
    const newer = meta.version > this.#version || (this.#polled && meta.version === this.#version);
    if (!newer) return;
    this.#version = meta.version;
    this.#show(data, false);
  }

  #quiet() {
    clearTimeout(this.#timer);
    this.#round += 1;
  }

  #poll(wait) {
    this.#quiet();
    const round = this.#round;
    this.#timer = setTimeout(() => this.#look(round), wait);
  }

  async #look(round) {
    if (document.hidden && this.#polled) return; // the page is hidden; it reads again when it is visible
    let wait = EVERY;
    try {
      const headers = this.#etag ? { "If-None-Match": this.#etag } : {};
      const answer = await call("GET", `/leaderboard/top?limit=10&board=${encodeURIComponent(this.#board)}`, { headers });
      if (round !== this.#round) return;
      this.#unreached = 0;
      this.#etag = answer.headers.get("ETag");
      if (answer.status !== 304) this.#show(answer.data, true);
      this.#say(this.#wanted ? "fallback" : this.#suspended ? "suspended" : "polling");
    } catch (refused) {
      if (round !== this.#round) return;
      this.#unreached += 1;
      wait = refused.retryAfter ? refused.retryAfter * 1000 : Math.min(LONGEST, EVERY * 2 ** (this.#unreached - 1));
      this.#say("reconnecting");
      if (refused.code === "not_found") this.dispatchEvent(new Event("missing"));
    }
    this.#poll(wait);
  }

  #show(rows, polled) {
    this.#polled = polled;
    if (!polled) this.#etag = null; // the board on the screen no longer has the public board's tag
    this.dispatchEvent(new CustomEvent("board", { detail: rows }));
  }

  #say(state) {
    const connecting = this.#wanted && state === "fallback" && !this.#failed;
    const word = !navigator.onLine && state !== "live" ? "offline" : connecting ? "connecting" : state;
    this.dispatchEvent(new CustomEvent("state", { detail: word }));
  }
}
