// Announces changes to a screen reader in one sentence, and not more often than a person can listen.

import { number } from "./words.js";

const LEAST = 5_000; // ms between two sentences

export class Announcer {
  #element = document.getElementById("announcer");
  #waiting = new Map(); // user_id -> the newest change of that player
  #last = -LEAST;
  #timer = null;

  /** Add changes as `board.compare` returns them. A later change is merged with an earlier one of the same player. */
  add(changes) {
    for (const change of changes) {
      const earlier = this.#waiting.get(change.user_id);
      this.#waiting.delete(change.user_id);
      this.#waiting.set(change.user_id, earlier ? merge(earlier, change) : change);
    }
    if (this.#timer || this.#waiting.size === 0) return;
    const wait = Math.max(0, this.#last + LEAST - performance.now());
    this.#timer = setTimeout(() => this.#speak(), wait);
  }

  /** Forget the last sentence, and what was not announced yet: another board is on the screen, or a list without rows. */
  clear() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting.clear();
    this.#element.textContent = "";
  }

  #speak() {
    this.#timer = null;
    this.#last = performance.now();
    const told = [...this.#waiting.values()].filter((change) => sentence(change));
    this.#waiting.clear();
    if (told.length === 0) return;
    const climbers = told.filter((change) => change.arrived || change.climbed > 0);
    const first = (climbers.length ? climbers : told).reduce((a, b) => (b.rank < a.rank ? b : a));
    const more = told.length - 1;
    this.#element.textContent = sentence(first) + (more > 0 ? ` ${more} more ${more === 1 ? "change" : "changes"}.` : "");
  }
}

function merge(earlier, later) {
  return {
    ...later,
    climbed: earlier.climbed + later.climbed,
    gained: earlier.gained + later.gained,
    arrived: earlier.arrived || later.arrived,
  };
}

function sentence({ username, rank, words, climbed, gained, arrived }) {
  if (arrived) return `${username} entered the board at rank ${number(rank)} with ${words}.`;
  if (climbed > 0) return `${username} moved up to rank ${number(rank)} with ${words}.`;
  if (gained > 0) return `${username} is at rank ${number(rank)} with ${words}.`;
  return ""; // an overtaken player is not announced: the player who overtakes is
}
