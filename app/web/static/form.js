// A form that makes one call: errors stand beside their fields, and the button says that the call is under way.

import { refusal } from "./words.js";

const find = (id) => document.getElementById(id);

// "must have 3 to 32 characters" -> "It must have 3 to 32 characters."
const ownSentence = (message) => (/^[a-z]/.test(message) ? `It ${message}.` : message);

export class Form {
  #form;
  #error;
  #submit;
  #fields;
  #options;
  #busy = false;
  #unreached = false; // the message says that the server can't be reached

  /**
   * The form, its message and its button have the ids `${id}-form`, `${id}-error` and `${id}-submit`. `fields`: the API's
   * name of each field -> the id of its input, whose message is `${input}-error`. `check()` returns messages by field, and
   * `send()` makes the call. `labels()` returns the texts of the button, {button, busy}. `explain(refused)` may return
   * messages by field for a refusal that names none.
   */
  constructor(id, fields, options) {
    this.#form = find(`${id}-form`);
    this.#error = find(`${id}-error`);
    this.#submit = find(`${id}-submit`);
    this.#fields = fields;
    this.#options = options;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** Return what is in a field. */
  value(field) {
    return find(this.#fields[field]).value;
  }

  /** Empty the form, and withdraw its messages. */
  reset() {
    this.#form.reset();
    this.clear();
  }

  clear() {
    this.#unreached = false;
    this.#error.hidden = true;
    this.#error.textContent = "";
    for (const input of Object.values(this.#fields)) {
      find(`${input}-error`).hidden = true;
      find(input).removeAttribute("aria-invalid");
    }
  }

  /** Show a message about the whole form. */
  say(words) {
    this.#error.textContent = words;
    this.#error.hidden = false;
  }

  /** Withdraw the message that the server can't be reached: it is within reach again. */
  reached() {
    if (this.#unreached) this.clear();
  }

  label() {
    const { button, busy } = this.#options.labels();
    this.#submit.textContent = this.#busy ? busy : button;
  }

  async #send() {
    if (this.#busy) return;
    this.clear();
    // The server checks all of this again; a check here only saves a round trip.
    if (this.#mark(this.#options.check())) return;
    this.#work(true);
    try {
      await this.#options.send();
    } catch (refused) {
      this.#refuse(refused);
    } finally {
      this.#work(false);
    }
  }

  #refuse(refused) {
    const details = Array.isArray(refused.details) ? refused.details : [];
    const named = details.filter((item) => Object.hasOwn(this.#fields, item?.field));
    const messages = Object.fromEntries(named.map(({ field, message }) => [field, ownSentence(message)]));
    const known = refused.code === "username_taken" ? { username: refusal(refused) } : (this.#options.explain?.(refused) ?? messages);
    if (!this.#mark(known)) this.say(refusal(refused));
    this.#unreached = refused.code === "network" || refused.code === "unavailable";
  }

  /** Show messages by field, and return whether there are any. The first field gets the focus, so that it is read out. */
  #mark(messages) {
    const wrong = Object.keys(this.#fields).filter((field) => messages[field]);
    for (const field of wrong) {
      const input = this.#fields[field];
      const error = find(`${input}-error`);
      error.textContent = messages[field];
      error.hidden = false;
      find(input).setAttribute("aria-invalid", "true");
    }
    if (wrong.length) find(this.#fields[wrong[0]]).focus();
    return wrong.length > 0;
  }

  #work(busy) {
    this.#busy = busy;
    this.#submit.setAttribute("aria-disabled", String(busy));
    this.label();
  }
}

/** Return the message for a new username, "" for one that the server may accept. */
export function nameProblem(username) {
  const length = [...username.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "")].length;
  return length === 0 ? "Enter a username." : length < 3 || length > 32 ? "A username has 3 to 32 characters." : "";
}

/** Return the message for a new password, "" for one that the server may accept. */
export function passwordProblem(password) {
  const size = [...password.normalize("NFC")].length;
  return size === 0 ? "Enter a password." : size < 8 || size > 256 ? "A password has 8 to 256 characters." : "";
}
