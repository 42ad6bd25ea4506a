// The case against a suspended player, as far as the player may see it, and the player's one appeal.

import { player } from "./clients.js";
import { day, refusal } from "./words.js";

const find = (id) => document.getElementById(id);
const STATES = {
  open: "A person has yet to look at it.",
  confirmed: "A person has looked at it and decided that the suspension stands.",
};

/** Events: `appealed`. */
export class Case extends EventTarget {
  #section = find("case");
  #form = find("appeal-form");
  #text = find("appeal-text");
  #error = find("appeal-error");
  #said = find("case-said");
  #busy = false;

  constructor() {
    super();
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  /** Show the case of the player that GET /me returned; null, or a player who is not suspended, hides it. */
  show(me) {
    const found = me?.status === "suspended" ? (me.case ?? null) : null;
    if (found === null || found.state === "cleared") return this.#hide();
    this.#section.hidden = false;
    find("case-words").textContent = `On ${day(found.opened_at)} a case was opened, because this account's play looked automated or manipulated. ${STATES[found.state]}`;
    this.#form.hidden = !found.may_appeal;
    this.#tell(appeal(found));
  }

  #hide() {
    this.#section.hidden = true;
    this.#form.reset();
    this.#clear();
    this.#tell("");
  }

  async #send() {
    if (this.#busy) return;
    this.#clear();
    const text = this.#text.value;
    if (!text.trim()) return this.#refuse("Say why the account should play again.");
    this.#work(true);
    try {
      const known = await player.call("POST", "/me/appeal", { body: { text } });
      this.#form.hidden = true;
      this.#form.reset();
      this.#tell(appeal(known));
      this.#said.focus(); // the button that had the focus is hidden now
      this.dispatchEvent(new Event("appealed"));
    } catch (refused) {
      // A suspended player's sign-in can't be renewed, so it runs out while the page is open.
      const ended = refused.code === "account_suspended";
      this.#refuse(ended ? "Your sign-in has run out. Sign out, sign in again, and send it then." : refusal(refused));
    } finally {
      this.#work(false);
    }
  }

  #refuse(words) {
    this.#error.textContent = words;
    this.#error.hidden = false;
    this.#text.setAttribute("aria-invalid", "true");
    this.#text.focus(); // so that a screen reader reads the field with its error
  }

  #clear() {
    this.#error.hidden = true;
    this.#error.textContent = "";
    this.#text.removeAttribute("aria-invalid");
  }

  #tell(words) {
    if (this.#said.textContent !== words) this.#said.textContent = words;
    this.#said.hidden = words === "";
  }

  #work(busy) {
    this.#busy = busy;
    const submit = find("appeal-submit");
    submit.setAttribute("aria-disabled", String(busy));
    submit.textContent = busy ? "Sending…" : "Send the appeal";
  }
}

// The times are RFC 3339 in UTC, so they compare as text.
function appeal({ appealed_at: appealedAt, decided_at: decidedAt = null }) {
  if (!appealedAt) return "";
  const isDecided = decidedAt !== null && decidedAt > appealedAt;
  return `You appealed on ${day(appealedAt)}. ${isDecided ? `The decision came later, on ${day(decidedAt)}.` : "A person will read it."}`;
}
