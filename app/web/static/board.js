// The board on the screen: rows keyed by player that slide to their new places.

import { PLAIN, gain, score as scoreText, scoreWords, share, signed } from "./scores.js";
import { number } from "./words.js";

const SLIDE = { duration: 520, easing: "cubic-bezier(.2, .8, .2, 1)" };
const CHIP = 4_000; // ms for which a change stays marked

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Board {
  #body = document.getElementById("rows");
  #ownBody = document.getElementById("own-row");
  #empty = document.getElementById("empty");
  #changed = document.getElementById("board-changed");
  #rules = PLAIN; // the board as GET /boards has it
  #rows = new Map(); // user_id -> Row
  #own = null;
  #shown = null; // the data on the screen, null before the first
  #ownId = null;
  #below = null; // {rank, score} of the marked player, who is below the board, before any change that it does not show yet

  /** Empty the list for another board, whose rows come next. Meanwhile the page keeps its height. */
  turn(board) {
    this.#body.style.minHeight = `${this.#body.offsetHeight}px`;
    for (const row of this.#rows.values()) row.element.remove();
    this.#rows.clear();
    this.#rules = board;
    this.#shown = null;
    this.#changed.textContent = "";
    this.#empty.hidden = true;
    this.showOwn(null);
  }

  /** Mark the rows of this player; null marks no row. */
  mark(userId) {
    this.#ownId = userId;
    for (const [id, row] of this.#rows) row.mine(id === userId);
  }

  /** Show `data`, the API's top 10. Return the changes to announce, the most important first. */
  show(data) {
    const changes = this.#shown ? compare(this.#withOwn(), data, this.#rules) : [];
    const before = this.#places();
    this.#arrange(data);
    this.#body.style.minHeight = "";
    this.#slide(before);
    for (const change of changes) this.#rows.get(change.user_id)?.flag(change, this.#rules);
    this.#empty.hidden = data.length > 0;
    this.#body.parentElement.classList.toggle("bare", data.length === 0);
    if (data.length === 0) this.#changed.textContent = ""; // a season's end, or the last player was taken off
    else if (changes.length) this.#changed.textContent = `Last change ${new Date().toLocaleTimeString("en-GB")}`;
    this.#shown = data;
    return changes;
  }

  /**
   * Show the row under the board of a player who is below it: {rank, username, score}, or null to hide it. `before` is
   * the standing {rank, score} before a redemption that the board does not show yet, null before the first.
   */
  showOwn(standing, before = standing) {
    this.#below = standing && before;
    this.#ownBody.hidden = standing === null;
    if (standing === null) return;
    if (!this.#own) {
      this.#own = new Row();
      this.#own.mine(true);
      this.#ownBody.append(this.#own.element);
    }
    this.#own.fill(standing, this.#shown?.[0]?.score ?? standing.score, this.#rules);
  }

  /** Return the row of this player on the board, or undefined. */
  find(userId) {
    return this.#shown?.find((row) => row.user_id === userId);
  }

  /** Return whether the board has come since the last turn. */
  get isShown() {
    return this.#shown !== null;
  }

  /** Return the last score on a full board, or null while the board has room. */
  get threshold() {
    return this.#shown?.length >= 10 ? this.#shown[9].score : null;
  }

  #withOwn() {
    return this.#below ? [...this.#shown, { ...this.#below, user_id: this.#ownId }] : this.#shown;
  }

  #places() {
    return new Map(Array.from(this.#rows, ([id, row]) => [id, row.element.getBoundingClientRect().top]));
  }

  #arrange(data) {
    const staying = new Set(data.map((item) => item.user_id));
    for (const [id, row] of this.#rows) {
      if (staying.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    const best = data[0]?.score ?? 0;
    data.forEach((item, index) => {
      let row = this.#rows.get(item.user_id);
      if (!row) this.#rows.set(item.user_id, (row = new Row()));
      row.fill(item, best, this.#rules);
      row.mine(item.user_id === this.#ownId);
      if (this.#body.children[index] !== row.element) this.#body.insertBefore(row.element, this.#body.children[index] ?? null);
    });
  }

  #slide(before) {
    if (still.matches || document.hidden || this.#shown === null) return;
    for (const [id, row] of this.#rows) {
      row.element.getAnimations().forEach((animation) => animation.id === "slide" && animation.cancel());
      if (!before.has(id)) {
        row.element.animate([{ opacity: 0, transform: "translateY(24px)" }, { opacity: 1, transform: "none" }], { ...SLIDE, id: "slide" });
        continue;
      }
      const distance = before.get(id) - row.element.getBoundingClientRect().top;
      if (Math.abs(distance) < 1) continue;
      const layer = distance > 0 ? 2 : 1; // a climbing row passes in front
      row.element.animate(
        [{ transform: `translateY(${distance}px)`, zIndex: layer }, { transform: "none", zIndex: layer }],
        { ...SLIDE, id: "slide" },
      );
    }
  }
}

class Row {
  constructor() {
    this.element = make("tr", "row");
    this.rank = make("td", "rank");
    const player = make("td", "player");
    this.score = make("td", "score");
    this.name = make("bdi", "name");
    this.you = make("span", "you");
    this.you.textContent = "you";
    this.you.hidden = true;
    this.chip = make("span", "chip");
    this.chip.setAttribute("aria-hidden", "true"); // the announcer reads the change as a sentence
    this.lane = make("span", "lane");
    this.meta = make("span", "meta");
    const names = make("span", "names");
    names.append(this.name, this.meta);
    player.append(this.lane, names, this.you, this.chip);
    this.element.setAttribute("role", "row");
    for (const cell of [this.rank, player, this.score]) cell.setAttribute("role", "cell");
    this.element.append(this.rank, player, this.score);
  }

  fill({ rank, username, score, metadata = null }, best, rules) {
    this.rank.textContent = number(rank);
    this.element.dataset.rank = rank;
    this.name.textContent = username;
    this.name.title = username;
    this.score.textContent = scoreText(rules, score);
    this.score.classList.toggle("long", this.score.textContent.length > 13);
    this.meta.textContent = this.meta.title = notes(metadata);
    this.lane.style.transform = `translateX(${100 * share(rules, score, best) - 100}%)`;
  }

  mine(yes) {
    this.element.classList.toggle("mine", yes);
    this.you.hidden = !yes;
  }

  /** Mark the row's change for a while. */
  flag({ climbed, gained, arrived }, rules) {
    const parts = [];
    if (arrived) parts.push(part("new"));
    if (climbed > 0) parts.push(part(`▲ ${climbed}`));
    if (climbed < 0) parts.push(part(`▼ ${-climbed}`, "down"));
    if (gained !== 0 && !arrived) parts.push(part(signed(rules, gain(rules, 0, gained)), gained > 0 ? "" : "down"));
    this.chip.replaceChildren(...parts);
    this.element.classList.toggle("changed", gained > 0 || arrived);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.chip.textContent = "";
      this.element.classList.remove("changed");
    }, CHIP);
  }
}

function make(tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

const part = (text, name = "") => Object.assign(make("span", name), { textContent: text });

/** Return the plain values of a run's metadata as text: {map: "canyon", lap: 3} -> "map canyon · lap 3". */
function notes(metadata) {
  const plain = Object.entries(metadata ?? {}).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value));
  return plain.map(([name, value]) => `${name} ${value}`).join(" · ");
}

/**
 * Return the changes from `before` to `after`: arrivals and climbs first, then gains, then falls. `gained` is positive for the
 * better, also where the lowest score is the best; `words` is the score as part of a sentence.
 */
export function compare(before, after, rules = PLAIN) {
  const old = new Map(before.map((row) => [row.user_id, row]));
  const changes = [];
  for (const row of after) {
    const was = old.get(row.user_id);
    const climbed = was ? was.rank - row.rank : 0;
    const gained = was ? gain(rules, was.score, row.score) : 0;
    if (was && climbed === 0 && gained === 0) continue;
    changes.push({ ...row, climbed, gained, arrived: !was, words: scoreWords(rules, row.score) });
  }
  const weight = (change) => (change.arrived || (change.climbed > 0 && change.gained > 0) ? 2 : change.gained > 0 ? 1 : 0);
  return changes.sort((a, b) => weight(b) - weight(a) || a.rank - b.rank);
}
