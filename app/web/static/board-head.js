// What stands over the list: the switch between the boards, the name of the one on the screen, its season, and notes.

import { addressOf } from "./boards.js";
import { isOpen, seasonWords, turnWords } from "./seasons.js";

const NO_BOARD = "No board is open to everyone.";
const MISSING = {
  linked: (board) => `The board of this link does not exist, or is not open to everyone. This is “${board.name}”.`,
  gone: (board) => `The board that you were on has been closed. This is “${board.name}”.`,
};
const TITLE = document.title;

/** Events: `turned` (the board on the screen has begun to take results, or takes none any more, or has a new season). */
export class BoardHead extends EventTarget {
  #boards;
  #nav = document.getElementById("boards");
  #title = document.getElementById("board-title");
  #season = document.getElementById("season");
  #note = document.getElementById("board-note");
  #number = null; // of the season on the screen
  #isOpen = null;

  constructor(boards) {
    super();
    this.#boards = boards;
    this.#nav.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      boards.choose(link.dataset.board);
    });
    boards.addEventListener("chosen", (event) => this.#turn(event.detail));
    boards.addEventListener("known", () => this.#show());
    setInterval(() => document.hidden || this.#tick(), 1_000);
  }

  #turn({ board, missing }) {
    this.#number = null;
    this.#isOpen = null;
    this.#say(missing ? MISSING[missing](board) : "");
  }

  #show() {
    const { board, list } = this.#boards;
    this.#nav.hidden = list.length < 2;
    this.#link(list);
    for (const link of this.#nav.children) {
      if (link.dataset.board !== board?.slug) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) this.#mark(link);
    }
    const name = list.length > 1 ? board.name : "Top ten";
    if (this.#title.textContent !== name) this.#title.textContent = name;
    document.title = list.length > 1 ? `${board.name}, on Fairboard` : TITLE;
    if (board === null) this.#say(NO_BOARD);
    const number = board?.season?.number ?? null;
    if (this.#number !== null && number > this.#number) {
      this.#say(turnWords(number));
      this.dispatchEvent(new Event("turned"));
    }
    this.#number = number;
    this.#tick();
  }

  /** Make the links anew if the boards are others than before, so that the focus stays where it is otherwise. */
  #link(list) {
    const names = JSON.stringify(list.map(({ slug, name }) => [slug, name]));
    if (this.#nav.dataset.names === names) return;
    this.#nav.dataset.names = names;
    this.#nav.replaceChildren(
      ...list.map(({ slug, name }) => {
        const link = Object.assign(document.createElement("a"), { href: addressOf(slug), textContent: name });
        link.dataset.board = slug;
        return link;
      }),
    );
  }

  #mark(link) {
    link.setAttribute("aria-current", "page");
    this.#nav.scrollTo({ left: link.offsetLeft - (this.#nav.clientWidth - link.offsetWidth) / 2 });
  }

  #tick() {
    const { board } = this.#boards;
    if (!board) return;
    const now = this.#boards.now();
    const words = seasonWords(board, now);
    if (this.#season.textContent !== words) this.#season.textContent = words;
    this.#season.hidden = words === "";
    const before = this.#isOpen;
    this.#isOpen = isOpen(board, now);
    if (before !== null && before !== this.#isOpen) this.dispatchEvent(new Event("turned"));
  }

  #say(words) {
    this.#note.textContent = words;
    this.#note.hidden = words === "";
  }
}
