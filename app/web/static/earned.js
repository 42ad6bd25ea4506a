// What a completed action was worth: on the board on the screen first, then on the other boards that it feeds.

import { isTotal, score, scoreWords, worth } from "./scores.js";
import { rank } from "./words.js";

const KEPT = "Your earlier result is as good or better, so it stays.";

const find = (id) => document.getElementById(id);

export class Earned {
  #card = find("earned");
  #note = find("earned-note");
  #more = find("earned-more");

  hide() {
    this.#card.hidden = true;
  }

  /**
   * Show the answer to a completion. `boards` are the public ones; `fed` are the slugs of the action's boards, of which the
   * answer has those that are open. Return it as sentences.
   */
  show({ result, standings }, fed, boards) {
    const known = standings.flatMap((entry) => {
      const board = boards.find(entry.board);
      return board ? [{ ...entry, board }] : [];
    });
    const first = known.find(({ board }) => board === boards.board) ?? known[0];
    if (!first) return ""; // no board that this visitor may see
    const others = known.filter((entry) => entry !== first);
    const closed = fed.filter((slug) => boards.find(slug) && !standings.some(({ board }) => board === slug)).map(boards.find, boards);
    this.#card.hidden = false;
    find("earned-points").textContent = worth(first.board, result);
    pair(find("earned-score"), score(first.board, first.score.previous), score(first.board, first.score.current));
    pair(find("earned-rank"), rank(first.rank.previous), rank(first.rank.current));
    const elsewhere = first.board === boards.board ? "" : `On ${first.board.name}.`;
    this.#note.textContent = [elsewhere, first.counted ? "" : KEPT].filter(Boolean).join(" ");
    this.#note.hidden = this.#note.textContent === "";
    const lines = [...others.map(line), ...closed.map(({ name }) => [name, "closed, so it did not count there"])];
    this.#more.replaceChildren(...lines.map(([name, words]) => item(name, words)));
    this.#more.hidden = lines.length === 0;
    return [sentence(first, result), ...lines.map(([name, words]) => `${name}: ${words}.`)].join(" ");
  }
}

function line({ board, score: { current }, rank: { current: place }, counted }) {
  return [board.name, `${counted ? "" : "kept your earlier result, "}${score(board, current)}, rank ${rank(place)}`];
}

function sentence({ board, score: { previous, current }, rank: place, counted }, result) {
  const words = isTotal(board) ? `${scoreWords(board, board.scoring === "count" ? 1 : result)} earned.` : `${scoreWords(board, result)}.`;
  const from = previous === null ? "" : `${score(board, previous)} to `;
  return (
    `${words} ${counted ? "" : `${KEPT} `}Score ${from}${score(board, current)}. ` +
    `Rank ${rank(place.previous)} to ${rank(place.current)}.`
  );
}

function item(name, words) {
  const element = document.createElement("li");
  const title = document.createElement("strong");
  title.textContent = name;
  element.append(title, ` ${words}`);
  return element;
}

function pair(element, before, after) {
  const old = document.createElement("span");
  const arrow = document.createElement("span");
  const now = document.createElement("strong");
  old.textContent = before;
  arrow.textContent = " → ";
  arrow.className = "arrow";
  now.textContent = after;
  element.replaceChildren(old, arrow, now);
}
