// The number of players on the board: it comes with every push, and is requested while no push comes.

import { visitor } from "./clients.js";
import { LOST, online as words } from "./words.js";

const EVERY = 10_000; // ms between two requests without a socket
const QUIET = 30_000; // ms without a push until the number is requested anyway

export class Online {
  #element = document.getElementById("online");
  #board = null; // a slug, null before the first
  #timer = null;
  #state = "connecting";
  #told = 0; // numbers shown so far: an answer to a request from before the last one is outdated

  constructor() {
    document.addEventListener("visibilitychange", () => document.hidden || this.#ask());
  }

  /** Show the number of this board. */
  turn(board) {
    this.#board = board;
    this.#told += 1;
    this.#ask();
  }

  /** With a live socket the server sends the number whenever the board changes; without a connection none is shown. */
  follow(state) {
    if (this.#state === state) return;
    const wasLost = LOST.has(this.#state);
    this.#state = state;
    if (LOST.has(state)) this.#element.hidden = true;
    if (wasLost && !LOST.has(state) && state !== "live") this.#ask();
    else this.#soon();
  }

  /** Show the present number. It is not announced: it changes too often to listen to, and can be read at any time. */
  show(count) {
    this.#told += 1;
    if (this.#element.textContent !== words(count)) this.#element.textContent = words(count);
    this.#element.hidden = false;
    this.#soon();
  }

  #soon(wait = this.#state === "live" ? QUIET : EVERY) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    if (document.hidden || this.#board === null) return; // the page requests it again when it is visible
    this.#soon();
    const told = this.#told;
    try {
      const { online } = await visitor.call("GET", `/leaderboard/online?board=${encodeURIComponent(this.#board)}`, { tries: 1 });
      if (told === this.#told) this.show(online);
    } catch (refused) {
      if (told !== this.#told) return;
      this.#element.hidden = true; // no number is better than an old one
      if (refused.retryAfter) this.#soon(Math.max(EVERY, refused.retryAfter * 1000));
    }
  }
}
