// The player's own account: another name, another password; for a guest, an account with both.

import { player } from "./clients.js";
import { Form, nameProblem, passwordProblem } from "./form.js";
import { clearance, GUEST_LEAVES } from "./words.js";

const find = (id) => document.getElementById(id);

export class OwnAccount {
  #guest = null; // null while it is unknown
  #forms;

  constructor() {
    const upgrade = new Form("upgrade", { username: "upgrade-name", password: "upgrade-password" }, {
      labels: () => ({ button: "Keep this account", busy: "Keeping it…" }),
      check: () => ({ username: nameProblem(upgrade.value("username")), password: passwordProblem(upgrade.value("password")) }),
      send: () => this.#upgrade(upgrade.value("username"), upgrade.value("password")),
    });
    const rename = new Form("rename", { username: "rename-name" }, {
      labels: () => ({ button: "Change the name", busy: "Changing it…" }),
      check: () => ({ username: nameProblem(rename.value("username")) }),
      send: () => this.#rename(rename.value("username")),
    });
    const change = new Form("change", { current: "change-current", new: "change-new" }, {
      labels: () => ({ button: "Change the password", busy: "Changing it…" }),
      check: () => ({
        current: change.value("current") ? "" : "Enter your current password.",
        new: passwordProblem(change.value("new")),
      }),
      send: () => this.#changePassword(change.value("current"), change.value("new")),
      explain: (refused) => (refused.code === "invalid_credentials" ? { current: "That is not your current password." } : null),
    });
    this.#forms = { upgrade, rename, change };
    this.reset();
  }

  /** Forget the player of before. */
  reset() {
    this.#guest = null;
    find("own").hidden = true;
    find("own").open = false;
    this.#say("");
    for (const form of Object.values(this.#forms)) form.reset();
  }

  /** Sign the player out; a guest, who can't come back, is asked first. */
  leave() {
    if (!this.#guest || confirm(GUEST_LEAVES)) player.signOut();
  }

  /** Show the forms for the signed-in player; `profile` is the data of GET /me. */
  know(profile, suspended) {
    find("own").hidden = suspended;
    const words = clearance(profile.case);
    find("own-case").textContent = words;
    find("own-case").hidden = words === "";
    if (this.#guest === Boolean(profile.guest)) return;
    this.#guest = Boolean(profile.guest);
    find("own-title").textContent = this.#guest ? "Keep this account" : "Your account";
    find("upgrade-form").hidden = !this.#guest;
    find("rename-form").hidden = this.#guest;
    find("change-form").hidden = this.#guest;
  }

  async #upgrade(username, password) {
    const profile = await player.call("POST", "/me/account", { body: { username, password } });
    this.#done("upgrade", "It is yours: sign in with this name and password anywhere.");
    this.know(profile, false);
  }

  async #rename(username) {
    const profile = await player.call("PATCH", "/me", { body: { username } });
    this.#done("rename", `Your name is ${profile.username} now.`);
  }

  async #changePassword(current, password) {
    await player.call("POST", "/me/password", { body: { current, new: password } });
    this.#done("change", "The password is changed. You are signed out everywhere else.");
  }

  #done(id, words) {
    this.#forms[id].reset();
    this.#say(words);
    find("own-done").focus();
  }

  #say(words) {
    find("own-done").textContent = words;
    find("own-done").hidden = words === "";
  }
}
