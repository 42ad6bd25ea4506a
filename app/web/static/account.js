// Sign up, sign in, play as a guest, set another password with a reset token.

import { player, visitor } from "./clients.js";
import { Form, nameProblem, passwordProblem } from "./form.js";
import { refusal } from "./words.js";

const find = (id) => document.getElementById(id);

const MODES = {
  up: { title: "Join the board", button: "Sign up", busy: "Signing up…", autocomplete: "new-password" },
  in: { title: "Welcome back", button: "Sign in", busy: "Signing in…", autocomplete: "current-password" },
  reset: { title: "Set another password", button: "Set the password", busy: "Setting it…", autocomplete: "new-password" },
};
const RESET_LINK = /^#reset=(.+)$/; // the fragment of an address never leaves the browser

export class Account {
  #form;
  #mode = "up";

  constructor() {
    this.#form = new Form("account", { username: "username", token: "reset-token", password: "password" }, {
      labels: () => MODES[this.#mode],
      check: () => this.#check(),
      send: () => this.#send(),
      explain: (refused) =>
        refused.code === "invalid_token" ? { token: "This token was used, replaced or has expired. Ask for another one." } : null,
    });
    for (const mode of ["up", "in", "reset"]) find(`mode-${mode}`).addEventListener("click", () => this.#turn(mode));
    find("reveal").addEventListener("change", (event) => (find("password").type = event.target.checked ? "text" : "password"));
    find("who-enter").addEventListener("click", (event) => {
      event.preventDefault();
      this.#turn("in");
      find("username").focus();
    });
    find("guest").addEventListener("click", () => this.#enterAsGuest());
    window.addEventListener("hashchange", () => this.#followLink());
    this.#followLink();
  }

  /** Show who is signed in. `refused` is the reason of a sign-out that the player did not ask for. */
  show(refused = null) {
    const user = player.user;
    find("account").hidden = user !== null;
    find("who-enter").hidden = user !== null;
    find("who-name").hidden = user === null;
    find("sign-out").hidden = user === null;
    find("who-name").querySelector("bdi").textContent = user?.username ?? "";
    if (user) {
      this.#form.reset();
      find("password").type = "password";
    } else if (refused) {
      this.#turn("in");
      this.#form.say(refusal(refused));
    }
  }

  /** Withdraw the message that the server can't be reached: it is within reach again. */
  reached() {
    this.#form.reached();
  }

  #turn(mode) {
    this.#mode = mode;
    for (const other of ["up", "in"]) find(`mode-${other}`).setAttribute("aria-pressed", String(mode === other));
    find("mode-reset").hidden = mode !== "in";
    find("account-title").textContent = MODES[mode].title;
    find("password").autocomplete = MODES[mode].autocomplete;
    find("password-label").textContent = mode === "reset" ? "New password" : "Password";
    find("username-hint").hidden = mode === "in";
    find("password-hint").hidden = mode === "in";
    find("username-field").hidden = mode === "reset";
    find("reset-token-field").hidden = mode !== "reset";
    find("account-done").hidden = true;
    this.#form.label();
    this.#form.clear();
  }

  /** Begin with the token of a reset link, and take it out of the address: nobody may read it over a shoulder. */
  #followLink() {
    const [, token] = RESET_LINK.exec(location.hash) ?? [];
    if (!token) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.#turn("reset");
    find("reset-token").value = decodeURIComponent(token);
    if (!player.user) find("password").focus();
  }

  #check() {
    const username = this.#form.value("username");
    const password = this.#form.value("password");
    if (this.#mode === "in") {
      return { username: username ? "" : "Enter a username.", password: password ? "" : "Enter a password." };
    }
    if (this.#mode === "up") return { username: nameProblem(username), password: passwordProblem(password) };
    return { token: this.#form.value("token").trim() ? "" : "Enter the token.", password: passwordProblem(password) };
  }

  async #send() {
    const username = this.#form.value("username");
    const password = this.#form.value("password");
    if (this.#mode === "up") return player.register(username, password);
    if (this.#mode === "in") return player.signIn(username, password);
    await visitor.call("POST", "/auth/reset", { body: { token: this.#form.value("token").trim(), password } });
    this.#form.reset();
    this.#turn("in");
    find("account-done").hidden = false;
    find("username").focus();
  }

  async #enterAsGuest() {
    const button = find("guest");
    if (button.getAttribute("aria-disabled") === "true") return;
    this.#form.clear();
    button.setAttribute("aria-disabled", "true");
    try {
      await player.guest();
    } catch (refused) {
      this.#form.say(refusal(refused));
    } finally {
      button.setAttribute("aria-disabled", "false");
    }
  }
}
