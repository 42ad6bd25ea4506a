// The public boards, and the one on the screen: the address names it, and this browser remembers it.

import { visitor } from "./clients.js";
import { bounds } from "./seasons.js";
import { shared } from "./storage.js";

const CHOICE = "fairboard.board"; // the slug of the board that was last on the screen
const EVERY = 60_000; // ms between two reads, for new boards and changed times
const FIRST = 2_000; // ms between two tries until the first answer
const SETTLING = 10_000; // ms after a season's end in which the next one may not be there yet …
const AGAIN = 1_000; // … and ms between two reads in this time
const CLOCK = 2_000; // ms by which this computer's clock may differ from the server's

const inAddress = () => new URL(location.href).searchParams.get("board");

/** Return the address of the page with this board. */
export function addressOf(slug) {
  const url = new URL(location.href);
  url.searchParams.set("board", slug);
  return url.pathname + url.search + url.hash;
}

/**
 * Events: `chosen` (detail: {board, missing}: another board is on the screen; `missing` is "linked" if the link's board does
 * not exist for the visitor, "gone" if the one on the screen no longer does), `known` (the boards were read), `unreached`.
 */
export class Boards extends EventTarget {
  board = null; // the board on the screen, null before the first answer
  list = [];
  #clock = 0; // ms that the server's clock is ahead of this computer's
  #timer = null;
  #readAt = 0; // by the server's clock

  constructor() {
    super();
    window.addEventListener("popstate", () => this.#turn(inAddress()));
    document.addEventListener("visibilitychange", () => document.hidden || this.#later());
    this.read();
  }

  /** Return the present time (ms) by the server's clock. */
  now() {
    return Date.now() + this.#clock;
  }

  find(slug) {
    return this.list.find((board) => board.slug === slug);
  }

  choose(slug) {
    if (slug === this.board?.slug) return;
    history.pushState(null, "", addressOf(slug));
    this.#turn(slug);
  }

  #turn(slug) {
    this.#arrange(slug);
    this.#later();
  }

  /** Read the boards again now. */
  async read() {
    clearTimeout(this.#timer);
    try {
      const { data, headers } = await visitor.request("GET", "/boards", { tries: 1 });
      this.#setClock(Date.parse(headers.get("Date")));
      this.#readAt = this.now();
      this.list = data;
      this.#arrange(this.board?.slug ?? inAddress());
      this.#later();
    } catch (refused) {
      if (this.board === null) this.dispatchEvent(new Event("unreached"));
      this.#later(Math.max(this.board ? EVERY : FIRST, (refused.retryAfter ?? 0) * 1000));
    }
  }

  #setClock(at) {
    const ahead = at + 500 - Date.now(); // the header has whole seconds
    if (Math.abs(ahead - this.#clock) > CLOCK) this.#clock = ahead;
  }

  /** Put this board on the screen: without one the board that was last on it, or the first. */
  #arrange(slug) {
    const wanted = slug ?? shared.read(CHOICE);
    const board = this.find(wanted) ?? this.list[0] ?? null;
    const before = this.board;
    const isMissing = slug !== null && board?.slug !== slug;
    this.board = board;
    if (board && (isMissing || board.slug !== before?.slug)) {
      shared.write(CHOICE, board.slug);
      if (isMissing || this.list.length > 1) history.replaceState(null, "", addressOf(board.slug));
      const missing = !isMissing ? null : slug === before?.slug ? "gone" : "linked";
      this.dispatchEvent(new CustomEvent("chosen", { detail: { board, missing } }));
    }
    this.dispatchEvent(new Event("known"));
  }

  #later(wait = this.#pause()) {
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => this.read(), wait);
  }

  /** Return the ms until the boards are to be read: soon after the season begins or ends. */
  #pause() {
    const edges = Object.values(this.board ? bounds(this.board) : {});
    const times = edges.filter((edge) => edge !== null && edge > this.#readAt - SETTLING).map((edge) => edge + 200);
    const next = Math.min(this.#readAt + EVERY, ...times.map((at) => Math.max(at, this.#readAt + AGAIN)));
    return Math.max(0, next - this.now());
  }
}
