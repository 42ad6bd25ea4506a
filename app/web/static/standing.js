// The player's own rank and score: from the board while they are on it, from GET /me otherwise.

import { number, points, rank as rankWords } from "./words.js";

const OWN_LEAD = 2_000; // ms for which the player's own redemption is ahead of the board
const EVERY = 15_000; // ms between two requests, for changes by other players below the board
const AFTER_CHANGE = 2_000; // ms at least between two requests after changes of the board

/** Events: `known` (detail: the player as GET /me returns it). */
export class Standing extends EventTarget {
  #session;
  #board;
  #section = document.getElementById("standing");
  #rank = document.getElementById("standing-rank");
  #score = document.getElementById("standing-score");
  #note = document.getElementById("standing-note");
  #me = null;
  #leadUntil = 0;
  #before; // {rank, score} before the redemption that leads onto the board, null before the first; undefined without one
  #timer = null;
  #asked = 0;

  constructor(session, board) {
    super();
    this.#session = session;
    this.#board = board;
    document.addEventListener("visibilitychange", () => document.hidden || this.#soon(0));
  }

  /** Start over after a sign-in or sign-out. */
  reset() {
    this.#me = null;
    this.#section.hidden = !this.#session.user;
    this.#board.showOwn(null);
    this.#render();
    clearTimeout(this.#timer);
    if (this.#session.user) this.#ask();
  }

  /** Update from the changed board. */
  follow() {
    const user = this.#session.user;
    const row = user && this.#board.find(user.user_id);
    if (!user || !this.#me) return;
    const behind = performance.now() < this.#leadUntil && (row?.score ?? 0) < this.#me.score;
    if (row && !behind) {
      this.#me = { ...this.#me, rank: row.rank, score: row.score };
    } else {
      this.#soon(Math.max(0, this.#asked + AFTER_CHANGE - performance.now()));
    }
    this.#render();
  }

  /** Show a redemption's answer at once, before the board has it. */
  earned({ score, rank }) {
    this.#leadUntil = performance.now() + OWN_LEAD;
    const previous = rank.previous === null ? null : { rank: rank.previous, score: score.previous };
    this.#before = rank.current <= 10 ? previous : undefined;
    if (this.#me) this.#me = { ...this.#me, score: score.current, rank: rank.current };
    this.#render();
    this.#soon(OWN_LEAD);
  }

  /** Request the standing again now. */
  refresh() {
    this.#soon(0);
  }

  #soon(wait) {
    clearTimeout(this.#timer);
    if (this.#session.user) this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    const user = this.#session.user;
    this.#asked = performance.now();
    let wait = EVERY;
    try {
      const { data } = await this.#session.call("GET", "/me");
      if (user !== this.#session.user) return;
      this.#me = data;
      this.#render();
      this.dispatchEvent(new CustomEvent("known", { detail: data }));
    } catch (refused) {
      if (refused.code === "account_suspended") this.dispatchEvent(new CustomEvent("known", { detail: { status: "suspended" } }));
      wait = Math.max(this.#me ? EVERY : 3_000, (refused.retryAfter ?? 0) * 1000);
    }
    if (!document.hidden) this.#soon(wait);
  }

  #render() {
    const { rank = null, score = 0, status = "active", username } = this.#me ?? {};
    this.#rank.textContent = rank === null ? "–" : rankWords(rank);
    this.#score.textContent = number(score);
    this.#score.classList.toggle("long", score >= 1e7);
    this.#note.textContent = this.#me ? this.#words(rank, score, status) : "Looking it up…";
    const below = this.#me && rank !== null && status === "active" && !this.#board.find(this.#session.user?.user_id);
    const before = performance.now() < this.#leadUntil ? this.#before : undefined;
    this.#board.showOwn(below && this.#session.user ? { rank, username, score } : null, before);
  }

  #words(rank, score, status) {
    if (status === "suspended") return "You are on no board while the account is suspended.";
    if (rank === null) return "You are on the board from your first completed action.";
    if (rank === 1) return "You are in first place.";
    const threshold = this.#board.threshold;
    if (rank > 10 && threshold !== null) return `${points(Math.max(0, threshold - score) + 1)} to pass the last of the top ten.`;
    return "";
  }
}
