// <fairboard-board server="https://scores.example.com" board="speedrun">: a live board in one line of HTML.

import { Fairboard } from "./fairboard.js";

const STYLE = `
  :host { display: block; font: inherit; }
  table { width: 100%; border-collapse: collapse; }
  caption { text-align: start; font-weight: bold; }
  td { padding: 0.25em 0.5em; }
  td:nth-child(1) { width: 3ch; text-align: end; opacity: 0.7; }
  td:nth-child(2) { overflow-wrap: anywhere; }
  td:nth-child(3) { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
  tr.own { font-weight: bold; }
  p { margin: 0.25em 0; opacity: 0.7; }
`;

const WORDS = { connecting: "Connecting …", reconnecting: "Connecting …", polling: "Updates every 2 seconds", live: "" };

/** 12345 with 3 decimals and the unit "s" -> "12.345 s"; exact up to 2^53 - 1. */
export function formatScore(value, { decimals = 0, unit = "" } = {}) {
  const digits = String(Math.abs(value)).padStart(decimals + 1, "0");
  const whole = Number(decimals ? digits.slice(0, -decimals) : digits).toLocaleString("en");
  const shown = `${value < 0 ? "-" : ""}${whole}${decimals ? `.${digits.slice(-decimals)}` : ""}`;
  return unit ? `${shown} ${unit}` : shown;
}

/** Attributes: `server` (the page's own), `board` (main), `rows` (10 at most). The property `client` takes a Fairboard that is in use already. */
export class FairboardBoard extends HTMLElement {
  static observedAttributes = ["server", "board", "rows"];
  #client = null;
  #subscription = null;
  #facts = {};
  #rows = null;
  #note = "";

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).innerHTML =
      `<style>${STYLE}</style><table part="table"><caption part="name"></caption><tbody></tbody></table><p part="state" role="status"></p>`;
  }

  /** The client that the board is read with: one's own, or one of the attribute `server`. */
  get client() {
    return (this.#client ??= new Fairboard(this.getAttribute("server") ?? undefined));
  }

  set client(client) {
    this.#client = client;
    this.#begin();
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (name === "server") this.#client = null;
    if (name === "rows") this.#draw();
    else if (this.#subscription) this.#begin();
  }

  async #begin() {
    this.#end();
    if (!this.isConnected) return;
    const board = this.getAttribute("board") ?? "main";
    const subscription = (this.#subscription = this.client.watch(board, ({ rows }) => this.#show(rows), {
      onState: (state) => subscription === this.#subscription && state in WORDS && this.#say(WORDS[state]),
      onError: (error) => this.#fail(error, board),
    }));
    this.#say(WORDS.connecting);
    const facts = await this.client.call("GET", `/boards/${encodeURIComponent(board)}`).catch(() => ({}));
    if (subscription !== this.#subscription) return;
    this.#facts = facts;
    this.#draw();
  }

  #end() {
    this.#subscription?.close();
    this.#subscription = null;
    this.#rows = null;
  }

  #fail({ code, message }, board) {
    const isShown = { network: this.#rows, unauthorized: this.#subscription?.state === "polling" }[code];
    if (code === "not_found") this.#say(`There is no board ${board}.`);
    else if (code === "unreadable") this.#say(`${message} The attribute server has to name its address.`);
    else if (!isShown) this.#say(message);
  }

  #show(rows) {
    this.#rows = rows;
    this.#draw();
  }

  #draw() {
    const root = this.shadowRoot;
    root.querySelector("caption").textContent = this.#facts.name ?? "";
    if (!this.#rows) return;
    const rows = this.#rows.slice(0, Number(this.getAttribute("rows") ?? 10));
    const own = this.client.user?.user_id;
    root.querySelector("tbody").replaceChildren(...rows.map((row) => this.#row(row, own)));
    this.#say(this.#note);
    this.dispatchEvent(new CustomEvent("board", { detail: rows }));
  }

  #row({ rank, username, score, user_id }, own) {
    const line = document.createElement("tr");
    line.part = user_id === own ? "row own" : "row";
    line.classList.toggle("own", user_id === own);
    for (const text of [rank, username, formatScore(score, this.#facts)]) {
      line.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return line;
  }

  #say(note) {
    this.#note = note;
    const isEmpty = this.#rows?.length === 0;
    this.shadowRoot.querySelector("p").textContent = note || (isEmpty ? "Nobody has played yet." : "");
  }
}

customElements.define("fairboard-board", FairboardBoard);
