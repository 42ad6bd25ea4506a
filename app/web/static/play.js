// One action at a time: choose, start, wait, complete, see its points.

import { player, visitor } from "./clients.js";
import { randomId } from "./fairboard.js";
import { PlayView } from "./play-view.js";
import { resultForm } from "./result-field.js";
import { scoreWords } from "./scores.js";
import { isOpen } from "./seasons.js";
import { shared, tab } from "./storage.js";
import { reason, refusal } from "./words.js";

const KEPT = "fairboard.action"; // the open action of this tab, so that a reload does not lose it
const COMPLETED = "fairboard.completed"; // {user_id, at}: the wait for the next action starts no earlier than the last completion

/** Events: `earned` (detail: the answer to complete), `refused` (detail: the error). */
export class Play extends EventTarget {
  #boards;
  #view = new PlayView();
  #slug = null; // of the board whose types are offered
  #types = null; // those that feed the board on the screen; null before they are loaded
  #phase = "idle"; // idle | starting | waiting | ready | completing | held (a pause after too many requests)
  #action = null;
  #timer = null;
  #abort = null;
  #userId = null;

  constructor(boards) {
    super();
    this.#boards = boards;
    this.#view.onSubmit(() => this.#press());
    this.#view.onLeave(() => this.#leave());
    this.#view.onChoose(() => this.#phase === "idle" && this.#view.idle(this.#chosen()));
  }

  /** Set whether the visitor may play now. */
  allow(yes) {
    const userId = yes ? player.user.user_id : null;
    this.#view.show(yes);
    if (userId === this.#userId) return;
    this.#userId = userId;
    this.#abort?.abort();
    this.#rest();
    this.#view.clear();
    if (!yes || this.#slug === null) return; // `turn` follows
    if (this.#types === null) this.#load();
    this.#resume();
  }

  /** Offer what feeds the board that is on the screen now. An action under way goes on. */
  turn() {
    const { slug } = this.#boards.board;
    const isFirst = this.#slug === null;
    if (slug !== this.#slug && this.#phase === "idle") this.#view.clear();
    this.#slug = slug;
    this.#types = null;
    if (!this.#userId) return;
    this.#load();
    if (isFirst) this.#resume();
  }

  focus() {
    this.#view.focus();
  }

  async #load() {
    const { board } = this.#boards;
    try {
      const data = await visitor.call("GET", "/action-types", { tries: 1 });
      if (board.slug !== this.#boards.board?.slug) return;
      const open = isOpen(board, this.#boards.now());
      this.#types = open ? data.filter((type) => type.boards.includes(board.slug) && type.result_kind !== "trusted") : [];
      this.#view.choices(this.#types, board, open ? "This board has no actions to play." : "This board takes no results now.");
      this.#view.choose(this.#action?.slug);
      if (this.#phase === "idle") this.#view.idle(this.#chosen());
      this.#view.lock(this.#phase !== "idle");
    } catch (refused) {
      if (board.slug !== this.#boards.board?.slug) return;
      this.#view.noChoices(`${reason(refused)} Loading the actions again…`);
      setTimeout(() => this.#types === null && this.#load(), Math.max(2_000, (refused.retryAfter ?? 0) * 1000));
    }
  }

  #chosen() {
    return this.#types?.find((type) => type.slug === this.#view.chosen) ?? null;
  }

  #press() {
    if (this.#phase === "idle" && this.#chosen()) this.#start(this.#chosen());
    else if (this.#phase === "ready") this.#report();
  }

  /** Complete the action with the result in the field, if it asks for one. */
  #report() {
    const action = this.#action;
    if (action.form) {
      this.#view.result.run(Date.now() - action.from);
      action.result = this.#view.result.read();
      if (action.result === null) return;
    }
    this.#complete();
  }

  async #start(type) {
    const userId = this.#userId;
    this.#phase = "starting";
    this.#view.starting();
    try {
      const data = await player.call("POST", "/actions", { body: { action_type: type.slug } });
      if (userId !== this.#userId) return;
      const now = Date.now(); // this computer's clock: the server's may differ
      this.#action = {
        id: data.action_id,
        token: data.token,
        key: randomId(),
        userId,
        slug: type.slug,
        name: type.name,
        boards: type.boards,
        worth: data.points === null ? null : scoreWords(this.#boards.board, data.points),
        form: resultForm(type, this.#boards), // of the result to report; null where the points are fixed
        isTimed: true, // the clock was not set back: the time so far is known
        wait: type.min_seconds * 1000,
        from: now,
        until: now + (Date.parse(data.expires_at) - Date.parse(data.issued_at)),
        sent: false,
      };
      tab.write(KEPT, this.#action);
      this.#wait();
    } catch (refused) {
      if (userId === this.#userId) this.#refused(refused);
    }
  }

  #resume() {
    const kept = tab.read(KEPT);
    if (!kept || kept.userId !== this.#userId) return;
    this.#action = kept;
    this.#view.choose(kept.slug);
    if (kept.sent) this.#complete(); // the answer never came: request it again with the same key
    else this.#wait();
  }

  /** Return the time when the action may be completed: another tab may have completed one since it was opened. */
  #readyAt() {
    const last = shared.read(COMPLETED);
    const from = last?.user_id === this.#userId && last.at <= Date.now() ? Math.max(this.#action.from, last.at) : this.#action.from;
    return from + this.#action.wait;
  }

  /** Restart the wait now: the clock was set back since the action was opened, and may need long to catch up. */
  #beginAgain(now) {
    this.#action.until -= this.#action.from - now;
    this.#action.from = now;
    this.#action.isTimed = false;
    tab.write(KEPT, this.#action);
  }

  #wait() {
    this.#phase = "waiting";
    this.#view.waiting(this.#action);
    this.#tick();
  }

  #tick() {
    clearTimeout(this.#timer);
    const now = Date.now();
    if (now < this.#action.from) this.#beginAgain(now);
    const left = this.#readyAt() - now;
    if (now >= this.#action.until) {
      this.#forget();
      this.#view.refused(`${this.#name()} expired before it was completed. Nothing was scored; start a new one.`);
      return;
    }
    this.#view.result.run(now - this.#action.from);
    if (left > 0) {
      this.#phase = "waiting";
      this.#view.progress(left, this.#action.wait);
      this.#timer = setTimeout(() => this.#tick(), Math.min(left, 100));
    } else {
      if (this.#phase !== "ready") this.#view.ready(this.#action);
      this.#phase = "ready";
      this.#timer = setTimeout(() => this.#tick(), this.#action.form ? 100 : 1_000);
    }
  }

  #name() {
    return this.#action?.name ?? "The action";
  }

  async #complete() {
    const action = this.#action;
    clearTimeout(this.#timer);
    this.#phase = "completing";
    action.sent = true;
    tab.write(KEPT, action);
    this.#view.completing(action);
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const onRetry = (refused, ms) => this.#countDown(reason(refused), performance.now() + ms);
    try {
      const body = { token: action.token, result: action.form ? action.result : undefined };
      const tries = { key: action.key, tries: Infinity, signal, onRetry };
      const answer = await player.call("POST", `/actions/${action.id}/complete`, { body, ...tries });
      if (this.#action !== action) return;
      shared.write(COMPLETED, { user_id: this.#userId, at: Date.now() });
      this.#forget();
      this.#view.earned(answer, action.boards, this.#boards);
      this.dispatchEvent(new CustomEvent("earned", { detail: answer }));
    } catch (refused) {
      if (this.#action !== action || signal.aborted) return;
      const message = action.form && resultMessage(refused);
      if (message) return this.#correct(message);
      if (refused.code !== "unauthorized") this.#forget(); // after the next sign-in the same try goes on
      this.#refused(refused);
    }
  }

  /** Let the player report another result: the server has refused this one, and the action is still open. */
  #correct(message) {
    const action = this.#action;
    Object.assign(action, { key: randomId(), sent: false });
    tab.write(KEPT, action);
    this.#wait();
    this.#view.result.refuse(action.result, message);
  }

  /** Show every second how long it is until the next try. */
  #countDown(words, until) {
    clearTimeout(this.#timer);
    const left = Math.max(0, until - performance.now());
    this.#view.retrying(words, left / 1000);
    if (left > 0) this.#timer = setTimeout(() => this.#countDown(words, until), left % 1000 || 1000);
  }

  #refused(refused) {
    this.#phase = "idle";
    this.#view.idle(this.#chosen());
    this.#view.refused(refusal(refused));
    this.dispatchEvent(new CustomEvent("refused", { detail: refused }));
    if (refused.code === "rate_limited") this.#hold(refused.retryAfter ?? 5);
  }

  /** Block the start for `left` seconds, which the button counts down. */
  #hold(left) {
    this.#phase = "held";
    this.#view.held(left);
    this.#timer = setTimeout(() => {
      if (left > 1) return this.#hold(left - 1);
      this.#phase = "idle";
      this.#view.clear();
      this.#view.idle(this.#chosen());
    }, 1_000);
  }

  #leave() {
    const sent = this.#phase === "completing";
    this.#abort?.abort();
    this.#forget();
    this.#view.remark(
      sent ? "Stopped asking. If it was counted, your score shows it in a moment." : "Left. It expires by itself and costs nothing.",
    );
    this.dispatchEvent(new CustomEvent("refused", { detail: { code: "left" } }));
  }

  /** Delete the action, which is over. */
  #forget() {
    tab.remove(KEPT);
    this.#rest();
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#action = null;
    this.#phase = "idle";
    this.#view.idle(this.#chosen());
  }
}

/** Return the server's words about the reported result, or null if it refused for another reason. */
function resultMessage({ code, details }) {
  if (code !== "invalid_request" || !Array.isArray(details)) return null;
  return details.find((item) => item?.field === "result")?.message ?? null;
}
