// Sign up, sign in, sign out.

import { refusal } from "./words.js";

const find = (id) => document.getElementById(id);

const MODES = {
  up: { title: "Join the board", button: "Sign up", busy: "Signing up…", autocomplete: "new-password" },
  in: { title: "Welcome back", button: "Sign in", busy: "Signing in…", autocomplete: "current-password" },
};

// "must have 3 to 32 characters" -> "It must have 3 to 32 characters."
const ownSentence = (message) => (/^[a-z]/.test(message) ? `It ${message}.` : message);

export class Account {
  #session;
  #form = find("account-form");
  #error = find("account-error");
  #submit = find("account-submit");
  #mode = "up";
  #busy = false;
  #unreached = false; // the message says that the server can't be reached

  constructor(session) {
    this.#session = session;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    find("mode-up").addEventListener("click", () => this.#turn("up"));
    find("mode-in").addEventListener("click", () => this.#turn("in"));
    find("reveal").addEventListener("change", (event) => (find("password").type = event.target.checked ? "text" : "password"));
    find("who-enter").addEventListener("click", (event) => {
      event.preventDefault();
      this.#turn("in");
      find("username").focus();
    });
    find("sign-out").addEventListener("click", () => this.#session.signOut());
  }

  /** Show who is signed in. `refused` is the reason of a sign-out that the player did not ask for. */
  show(refused = null) {
    const user = this.#session.user;
    find("account").hidden = user !== null;
    find("who-enter").hidden = user !== null;
    find("who-name").hidden = user === null;
    find("sign-out").hidden = user === null;
    find("who-name").querySelector("bdi").textContent = user?.username ?? "";
    if (user) {
      this.#form.reset();
      find("password").type = "password";
      this.#clear();
    } else if (refused) {
      this.#turn("in");
      this.#say(refusal(refused));
    }
  }

  /** Withdraw the message that the server can't be reached: it is within reach again. */
  reached() {
    if (this.#unreached) this.#clear();
  }

  #turn(mode) {
    this.#mode = mode;
    find("mode-up").setAttribute("aria-pressed", String(mode === "up"));
    find("mode-in").setAttribute("aria-pressed", String(mode === "in"));
    find("account-title").textContent = MODES[mode].title;
    find("password").autocomplete = MODES[mode].autocomplete;
    find("username-hint").hidden = find("password-hint").hidden = mode === "in";
    this.#submit.textContent = MODES[mode].button;
    this.#clear();
  }

  async #send() {
    if (this.#busy) return;
    this.#clear();
    const username = find("username").value;
    const password = find("password").value;
    if (this.#wrong(username, password)) return;
    this.#work(true);
    try {
      await (this.#mode === "up" ? this.#session.signUp(username, password) : this.#session.signIn(username, password));
    } catch (refused) {
      this.#refuse(refused);
    } finally {
      this.#work(false);
    }
  }

  // The server checks all of this again; a check here only saves a round trip.
  #wrong(username, password) {
    const length = [...username.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "")].length;
    const size = [...password.normalize("NFC")].length;
    const up = this.#mode === "up";
    const name = length === 0 ? "Enter a username." : up && (length < 3 || length > 32) ? "A username has 3 to 32 characters." : "";
    const word =
      password.length === 0 ? "Enter a password." : up && (size < 8 || size > 256) ? "A password has 8 to 256 characters." : "";
    if (word) this.#field("password", word);
    if (name) this.#field("username", name);
    return Boolean(name || word);
  }

  #refuse(refused) {
    const fields = Array.isArray(refused.details) ? refused.details : [];
    const known = fields.filter((item) => item?.field === "username" || item?.field === "password");
    for (const { field, message } of [...known].reverse()) this.#field(field, ownSentence(message));
    if (refused.code === "username_taken") this.#field("username", refusal(refused));
    else if (known.length === 0) this.#say(refusal(refused));
    this.#unreached = refused.code === "network" || refused.code === "unavailable";
  }

  #field(name, words) {
    const error = find(`${name}-error`);
    error.textContent = words;
    error.hidden = false;
    find(name).setAttribute("aria-invalid", "true");
    find(name).focus(); // so that a screen reader reads the field with its error
  }

  #say(words) {
    this.#error.textContent = words;
    this.#error.hidden = false;
  }

  #clear() {
    this.#unreached = false;
    this.#error.hidden = true;
    this.#error.textContent = "";
    for (const name of ["username", "password"]) {
      find(`${name}-error`).hidden = true;
      find(name).removeAttribute("aria-invalid");
    }
  }

  #work(busy) {
    this.#busy = busy;
    this.#submit.setAttribute("aria-disabled", String(busy));
    this.#submit.textContent = busy ? MODES[this.#mode].busy : MODES[this.#mode].button;
  }
}
