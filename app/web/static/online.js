// How many players are on the board: told with every push, and asked for while nothing is pushed.

import { call } from "./api.js";
import { online as words } from "./words.js";

const EVERY = 10_000; // ms between two looks without a socket
const QUIET = 30_000; // ms without a push until it is asked for all the same

export class Online {
  #element = document.getElementById("online");
  #timer = null;
  #live = false;
  #told = 0; // times that the socket has said it: an answer that was asked for before is older

  constructor() {
    document.addEventListener("visibilitychange", () => document.hidden || this.#ask());
    this.#ask();
  }

  /** With a socket the server tells by itself, whenever the board changes. */
  follow(live) {
    if (this.#live === live) return;
    this.#live = live;
    this.#soon();
  }

  /** The number as it is now. Not announced: it changes too often to be listened to, and can be read at any time. */
  show(count) {
    this.#told += 1;
    if (this.#element.textContent !== words(count)) this.#element.textContent = words(count);
    this.#element.hidden = false;
    this.#soon();
  }

  #soon(wait = this.#live ? QUIET : EVERY) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    if (document.hidden) return; // the return of the eyes asks again
    this.#soon();
    const told = this.#told;
    try {
      const { data } = await call("GET", "/leaderboard/online?board=main");
      if (told === this.#told) this.show(data.online);
    } catch (refused) {
      this.#element.hidden = true; // better no number than an old one
      if (refused.retryAfter) this.#soon(Math.max(EVERY, refused.retryAfter * 1000));
    }
  }
}
