// The field for the result that a player reports. A duration runs in it, until the player types one or completes the action.

import { decimal, score } from "./scores.js";

const find = (id) => document.getElementById(id);

/** Return the form of a type's results: {unit, decimals, isDuration, low, high}; null for a type with fixed points. */
export function resultForm(type, boards) {
  if (type.result_kind !== "reported") return null;
  const first = type.boards.map((slug) => boards.find(slug)).find((board) => board && board.scoring !== "count");
  const isDuration = type.result_is_duration;
  const { unit, decimals } = first ?? (isDuration ? { unit: "s", decimals: 3 } : { unit: "", decimals: 0 });
  return { unit: unit || (isDuration && decimals === 0 ? "ms" : ""), decimals, isDuration, low: type.min_result, high: type.max_result };
}

/** Return "12.345" as 12345 where results have 3 decimals, or null if it is no such number. */
export function parseResult(text, decimals) {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text.trim().replace("\u2212", "-"));
  if (!match || (match[3] ?? "").length > decimals) return null;
  const value = Number(match[2] + (match[3] ?? "").padEnd(decimals, "0"));
  if (!Number.isSafeInteger(value)) return null;
  return match[1] === "-" && value !== 0 ? -value : value;
}

export class ResultField {
  #field = find("result-field");
  #input = find("result");
  #error = find("result-error");
  #form = null;
  #runs = false; // the time of a duration runs in the field

  constructor() {
    this.#input.addEventListener("input", () => (this.#runs = false));
  }

  /** Ask for a result of this form; null asks for none. `isTimed` lets a duration run. */
  show(form, isTimed) {
    this.#field.hidden = form === null;
    this.#clear();
    this.lock(false);
    if (form === this.#form) return;
    this.#form = form;
    this.#input.value = "";
    if (form === null) return;
    this.#runs = form.isDuration && isTimed;
    find("result-label").textContent = `Your ${form.isDuration ? "time" : "result"}${form.unit ? ` in ${form.unit}` : ""}`;
    const run = this.#runs ? "It runs until you complete. You can type your own time instead." : "";
    find("result-hint").textContent = [run, bounds(form)].filter(Boolean).join(" ");
  }

  /** Set whether the text can't be changed now. */
  lock(yes) {
    this.#input.readOnly = yes;
  }

  /** Show how long the action has taken so far. */
  run(ms) {
    if (this.#runs) this.#input.value = decimal(Math.max(0, Math.round(ms)), this.#form.decimals).replaceAll(",", "");
  }

  /** Return the result, or null for a text that is none, which the field then says. */
  read() {
    const { decimals, isDuration } = this.#form;
    const value = parseResult(this.#input.value, decimals);
    if (value !== null) return value;
    const example = decimals ? `a number with at most ${decimals} decimals` : "a whole number";
    this.#refuse(`Enter ${example}, such as ${decimals ? (12.3456789).toFixed(decimals) : isDuration ? 12345 : 1250}.`);
    return null;
  }

  /** Show that the server refused the result `value`; `message` is its own. */
  refuse(value, message) {
    const { low, high } = this.#form;
    this.#runs = false;
    const isOutside = (low !== null && value < low) || (high !== null && value > high);
    this.#refuse(isOutside ? `It must be ${bounds(this.#form).toLowerCase()}` : `It ${message}.`);
  }

  #refuse(words) {
    this.#error.textContent = words;
    this.#error.hidden = false;
    this.#input.setAttribute("aria-invalid", "true");
    this.#input.focus(); // so that a screen reader reads the field with its error
  }

  #clear() {
    this.#error.hidden = true;
    this.#error.textContent = "";
    this.#input.removeAttribute("aria-invalid");
  }
}

/** Return "From 0 to 100 s.", "At least 0.", "At most 100." or "". */
function bounds(form) {
  const [low, high] = [form.low, form.high].map((value) => score(form, value));
  if (form.low !== null && form.high !== null) return `From ${low} to ${high}.`;
  if (form.low !== null) return `At least ${low}.`;
  return form.high !== null ? `At most ${high}.` : "";
}
