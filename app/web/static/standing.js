// The player's own rank and score: from the board while they are on it, from the server otherwise.

import { player } from "./clients.js";
import { PLAIN, gain, isTotal, score as scoreText, scoreWords } from "./scores.js";
import { rank as rankWords } from "./words.js";

const OWN_LEAD = 2_000; // ms for which the player's own redemption is ahead of the board
const EVERY = 15_000; // ms between two requests, for changes by other players below the board
const AFTER_CHANGE = 2_000; // ms at least between two requests after changes of the board

/** Events: `known` (detail: the player as GET /me returns it). */
export class Standing extends EventTarget {
  #board;
  #rules = null; // the board as GET /boards has it, null before the first
  #section = document.getElementById("standing");
  #rank = document.getElementById("standing-rank");
  #score = document.getElementById("standing-score");
  #note = document.getElementById("standing-note");
  #me = null;
  #leadUntil = 0;
  #before; // {rank, score} before the redemption that leads onto the board, null before the first; undefined without one
  #timer = null;
  #asked = 0;

  constructor(board) {
    super();
    this.#board = board;
    document.addEventListener("visibilitychange", () => document.hidden || this.#soon(0));
  }

  /** Start over after a sign-in or sign-out. */
  reset() {
    this.#me = null;
    this.#section.hidden = !player.user;
    this.#board.showOwn(null);
    this.#render();
    clearTimeout(this.#timer);
    if (player.user && this.#rules) this.#ask();
  }

  /** Show the standing on another board. */
  turn(board) {
    this.#rules = board;
    this.reset();
  }

  /** Update from the changed board. */
  follow() {
    const user = player.user;
    const row = user && this.#board.find(user.user_id);
    if (!user || !this.#me) return;
    if (row && !this.#isBehind(row)) {
      this.#me = { ...this.#me, rank: row.rank, score: row.score, metadata: row.metadata };
    } else {
      this.#soon(Math.max(0, this.#asked + AFTER_CHANGE - performance.now()));
    }
    this.#render();
  }

  /** Return whether the board's row is from before the player's own redemption. */
  #isBehind(row) {
    if (performance.now() >= this.#leadUntil) return false;
    return this.#rules.scoring === "last" ? row.score !== this.#me.score : gain(this.#rules, row.score, this.#me.score) > 0;
  }

  /** Show a redemption's answer at once, before the board has it. */
  earned({ standings }) {
    const entry = standings.find(({ board }) => board === this.#rules.slug);
    if (!entry) return;
    const { score, rank } = entry;
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
    if (player.user && this.#rules) this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    const user = player.user;
    this.#asked = performance.now();
    let wait = EVERY;
    try {
      const rules = this.#rules;
      const data = await player.call("GET", "/me", { tries: 1 });
      const standing = await this.#on(rules, data);
      if (user !== player.user || rules.slug !== this.#rules.slug) return;
      this.#me = { ...data, ...standing };
      this.#render();
      this.dispatchEvent(new CustomEvent("known", { detail: data }));
    } catch (refused) {
      if (refused.code === "account_suspended") this.dispatchEvent(new CustomEvent("known", { detail: { status: "suspended" } }));
      wait = Math.max(this.#me ? EVERY : 3_000, (refused.retryAfter ?? 0) * 1000);
    }
    if (!document.hidden) this.#soon(wait);
  }

  /** Return the standing to put in place of the one of GET /me, which is that on the board `main`. */
  async #on({ slug }, me) {
    if (slug === PLAIN.slug) return {};
    if (me.status === "suspended") return { rank: null, score: null };
    return (await player.call("GET", `/leaderboard/me?around=0&board=${encodeURIComponent(slug)}`, { tries: 1 })).standing;
  }

  #render() {
    const { rank = null, score = null, status = "active", username, metadata } = this.#me ?? {};
    const rules = this.#rules ?? PLAIN;
    this.#rank.textContent = rank === null ? "–" : rankWords(rank);
    this.#score.textContent = scoreText(rules, score); // on other boards than main a suspended player's is unknown
    this.#score.classList.toggle("long", this.#score.textContent.length > 9);
    this.#note.textContent = this.#me ? this.#words(rank, score, status) : "Looking it up…";
    const below = this.#me && rank !== null && status === "active" && !this.#board.find(player.user?.user_id);
    const before = performance.now() < this.#leadUntil ? this.#before : undefined;
    this.#board.showOwn(below && player.user ? { rank, username, score, metadata } : null, before);
  }

  #words(rank, score, status) {
    if (status === "suspended") return "You are on no board while the account is suspended.";
    if (rank === null) return "You are on the board from your first completed action.";
    if (rank === 1) return "You are in first place.";
    const threshold = this.#board.threshold;
    if (rank <= 10 || threshold === null) return "";
    if (!isTotal(this.#rules)) return `A result better than ${scoreWords(this.#rules, threshold)} is in the top ten.`;
    return `${scoreWords(this.#rules, Math.max(0, threshold - score) + 1)} to pass the last of the top ten.`;
  }
}
