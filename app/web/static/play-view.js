// The play card. One button goes through all the steps, so the focus never has to move.

import { Earned } from "./earned.js";
import { ResultField } from "./result-field.js";
import { scoreWords, worth } from "./scores.js";
import { number, seconds } from "./words.js";

const find = (id) => document.getElementById(id);

export class PlayView {
  result = new ResultField();
  #section = find("play");
  #choices = find("choices");
  #note = find("choices-note");
  #button = find("play-button");
  #leave = find("play-leave");
  #wait = find("wait");
  #earned = new Earned();
  #error = find("play-error");
  #remark = find("play-remark");
  #status = find("play-status");

  onSubmit(act) {
    find("play-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#button.getAttribute("aria-disabled") !== "true") act();
    });
  }

  onLeave(act) {
    this.#leave.addEventListener("click", () => {
      act();
      this.#button.focus();
    });
  }

  onChoose(act) {
    this.#choices.addEventListener("change", act);
  }

  show(yes) {
    this.#section.hidden = !yes;
  }

  focus() {
    (this.#choices.querySelector("input:checked") ?? this.#button).focus();
  }

  /** Return the slug of the chosen type, or null. */
  get chosen() {
    return this.#choices.querySelector("input:checked")?.value ?? null;
  }

  /** List the types that feed `board`; without any, show `words`. */
  choices(types, board, words) {
    const before = this.chosen;
    this.#choices.querySelectorAll("label").forEach((label) => label.remove());
    this.#note.hidden = types.length > 0;
    this.#note.textContent = words;
    types.forEach((type, index) => this.#choices.append(choice(type, board, index === Math.min(1, types.length - 1))));
    this.choose(before);
  }

  /** Choose the type with this slug, if it is listed. */
  choose(slug) {
    for (const input of this.#choices.querySelectorAll("input")) input.checked ||= input.value === slug;
  }

  noChoices(words) {
    this.#note.hidden = false;
    this.#note.textContent = words;
  }

  lock(yes) {
    for (const input of this.#choices.querySelectorAll("input")) input.disabled = yes;
  }

  /** Show that no action is under way. The last result or refusal stays until the next start. */
  idle(type) {
    this.lock(false);
    this.#wait.hidden = true;
    this.#leave.hidden = true;
    this.result.show(null);
    this.#press(type ? `Start ${type.name}` : "Start", Boolean(type));
  }

  clear() {
    this.#earned.hide();
    this.#error.hidden = true;
    this.#remark.hidden = true;
    this.#status.textContent = "";
  }

  starting() {
    this.clear();
    this.lock(true);
    this.#press("Starting…", false);
  }

  waiting(action) {
    this.clear();
    this.lock(true);
    this.#wait.hidden = false;
    this.#wait.classList.remove("over", "asking");
    this.#leave.hidden = false;
    this.#leave.textContent = "Leave it";
    find("wait-words").textContent = action.name;
    this.result.show(action.form, action.isTimed);
    this.#press("Please wait…", false);
    if (action.wait > 0) this.#status.textContent = `${action.name} takes ${seconds(action.wait / 1000)}.`;
  }

  /** Show that `left` of `all` ms remain. */
  progress(left, all) {
    const whole = Math.ceil(left / 1000);
    find("wait-left").textContent = `${(left / 1000).toFixed(1)} s`;
    find("fill").style.transform = `scaleX(${Math.min(1, 1 - left / all)})`;
    const track = find("track");
    track.setAttribute("aria-valuemax", String(Math.ceil(all / 1000)));
    track.setAttribute("aria-valuenow", String(Math.max(0, Math.ceil(all / 1000) - whole)));
    track.setAttribute("aria-valuetext", `${seconds(whole)} left`);
    this.#press(`Complete in ${whole} s`, false);
  }

  ready(action) {
    this.#full(action, "ready");
    this.#wait.classList.add("over");
    const words = action.form ? `with ${action.form.isDuration ? "this time" : "this result"}` : `for ${action.worth}`;
    this.#press(`Complete ${words}`, true);
    this.#status.textContent = `Ready. Complete it ${words}.`;
  }

  completing(action) {
    this.clear();
    this.lock(true);
    this.#wait.hidden = false;
    this.#wait.classList.add("asking");
    this.#leave.hidden = true;
    this.result.lock(true);
    this.#full(action, "");
    this.#press("Completing…", false);
  }

  /** Show that the answer to complete is late and is requested again in `left` s. The countdown is not announced. */
  retrying(words, left) {
    this.#leave.hidden = false;
    this.#leave.textContent = "Stop asking";
    const status = `${words} Your action is safe: asking again ${left > 0 ? `in ${seconds(left)}` : "now"}.`;
    if (this.#error.hidden) this.refused(status);
    else this.#error.textContent = status;
  }

  /** Show the answer to a completion of an action that feeds the boards `fed`. */
  earned(answer, fed, boards) {
    this.clear();
    this.#status.textContent = this.#earned.show(answer, fed, boards);
  }

  refused(words) {
    this.#earned.hide();
    this.#error.hidden = false;
    this.#error.textContent = words;
    this.#status.textContent = words;
  }

  /** Show something that is no failure. */
  remark(words) {
    this.clear();
    this.#remark.hidden = false;
    this.#remark.textContent = words;
    this.#status.textContent = words;
  }

  held(left) {
    this.lock(true);
    this.#press(`Start in ${left} s`, false);
  }

  #full(action, words) {
    find("wait-words").textContent = action.name;
    find("wait-left").textContent = words;
    find("fill").style.transform = "none";
    find("track").setAttribute("aria-valuetext", "the wait is over");
  }

  #press(words, enabled) {
    if (this.#button.textContent !== words) this.#button.textContent = words;
    this.#button.setAttribute("aria-disabled", String(!enabled));
  }
}

function choice(type, board, checked) {
  const label = document.createElement("label");
  label.className = "choice";
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "action", value: type.slug, checked });
  const name = Object.assign(document.createElement("span"), { className: "choice-name", textContent: type.name });
  const prize = Object.assign(document.createElement("span"), { className: "choice-points" });
  const time = Object.assign(document.createElement("span"), {
    className: "choice-time",
    textContent: type.min_seconds > 0 ? `at least ${number(type.min_seconds)} s` : "at once",
  });
  const isFixed = type.result_kind === "fixed" || board.scoring === "count";
  prize.textContent = isFixed ? worth(board, type.points) : type.result_is_duration ? "your time" : "your result";
  if (isFixed) prize.setAttribute("aria-label", worthWords(board, type.points));
  prize.classList.toggle("own-result", !isFixed);
  label.append(input, name, time, prize);
  return label;
}

/** Return what fixed points are worth on a board, as words. */
const worthWords = (board, points) => scoreWords(board, board.scoring === "count" ? 1 : points);
