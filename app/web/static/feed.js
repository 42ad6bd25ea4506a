// The source of the board: the socket, with an account or without; the public board every two seconds while it is down, for
// suspended players, and for visitors of a server that lets nobody watch without an account.

import { visitor } from "./clients.js";

const EVERY = 2_000; // ms between two reads of the public board
const LONGEST = 5_000; // ms between two failed reads, unless the server asks for more
const PATIENCE = 3_000; // ms without a socket until the public board replaces it

/**
 * Events: `board` (detail: rows), `online` (detail: players), `state` (detail: a key of words.CONNECTION), `suspended`, `missing`
 * (the board does not exist, or not for everyone).
 */
export class Feed extends EventTarget {
  #client;
  #board = null; // a slug, null before the first
  #live = null; // the subscription, null without one
  #isLive = false;
  #isShown = false;
  #polled = false; // the board on the screen is the public one
  #wanted = false; // this visitor should have a socket
  #suspended = false;
  #etag = null;
  #timer = null;
  #round = 0; // an answer of an earlier round is ignored
  #unreached = 0;
  #failed = false; // the socket's last try failed

  constructor(client) {
    super();
    this.#client = client;
    window.addEventListener("online", () => this.#back());
    window.addEventListener("offline", () => this.#say("offline"));
    document.addEventListener("visibilitychange", () => document.hidden || this.#back());
  }

  /** Choose the source: a socket, or for suspended players and with `watches` false the public board. */
  follow({ watches = true, suspended = false } = {}) {
    this.#suspended = suspended;
    this.#wanted = watches && !suspended;
    if (this.#board !== null) this.#run(this.#isShown ? PATIENCE : 0);
  }

  /** Follow this board from now on. */
  turn(board) {
    const patience = this.#isLive ? PATIENCE : 0;
    this.#board = board;
    this.#etag = null;
    this.#isShown = this.#polled = this.#isLive = false;
    this.#live?.turn(board);
    this.#run(patience);
  }

  /** Say that the server has not even told which boards there are. */
  unreached() {
    this.#say("reconnecting");
  }

  /** Read the public board after `patience` ms if no socket has brought it until then. */
  #run(patience) {
    if (this.#wanted) {
      this.#open();
      if (!this.#isLive) this.#poll(patience);
    } else {
      this.#live?.close();
      this.#poll(0);
    }
  }

  #open() {
    if (this.#live) return;
    this.#live = this.#client.watch(this.#board, (board) => this.#push(board), {
      onState: (state) => this.#turned(state),
      onError: (error) => this.#refused(error.code),
      fallback: false, // this feed reads the public board
    });
    this.#say("connecting");
  }

  #back() {
    if (this.#board !== null && !this.#isLive) this.#poll(0);
  }

  #turned(state) {
    const was = this.#isLive;
    this.#isLive = state === "live";
    this.#failed = state === "reconnecting";
    if (state === "closed") this.#live = null;
    if (this.#isLive) this.#quiet();
    else if (was) this.#poll(state === "connecting" ? 0 : PATIENCE);
    if (state !== "closed" && (was || state !== "connecting")) this.#say(state);
  }

  #refused(code) {
    if (code === "account_suspended") this.dispatchEvent(new Event("suspended"));
    if (code === "not_found") this.dispatchEvent(new Event("missing"));
    // This server lets nobody watch without an account, or not from here.
    if (code === "unauthorized" && !this.#client.user) this.follow({ watches: false });
  }

  #push({ rows, online }) {
    this.dispatchEvent(new CustomEvent("online", { detail: online }));
    this.#show(rows, false);
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
      const path = `/leaderboard/top?limit=10&board=${encodeURIComponent(this.#board)}`;
      const { data, headers } = await visitor.request("GET", path, { tries: 1 });
      if (round !== this.#round) return;
      this.#unreached = 0;
      if (this.#etag === null || headers.get("ETag") !== this.#etag) this.#show(data, true);
      this.#etag = headers.get("ETag");
      if (this.#wanted) this.#open(); // unless there is a socket: the board was missing, and is there again
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
    this.#isShown = true;
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
