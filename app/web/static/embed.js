// The page /embed?board=…: one public board for a frame of another page, live and without an account.

import { Announcer } from "./announce.js";
import { Board } from "./board.js";
import { addressOf } from "./boards.js";
import { visitor } from "./clients.js";
import { Feed } from "./feed.js";
import { CONNECTION } from "./words.js";

const AGAIN = 3_000; // ms between two tries to read the board's rules …
const EVERY = 300_000; // … and between two looks whether they have changed
const WORDS = { ...CONNECTION, polling: "Updates every 2 seconds" };

const find = (id) => document.getElementById(id);

const slug = new URL(location.href).searchParams.get("board") || "main";
const announcer = new Announcer();
const board = new Board();
const feed = new Feed(visitor);
let rules = null; // the board as GET /boards has it, null before the first answer

function say(words) {
  find("board-note").textContent = words;
  find("board-note").hidden = words === "";
}

function connection(state) {
  find("connection").dataset.state = state;
  if (find("connection-words").textContent !== WORDS[state]) find("connection-words").textContent = WORDS[state];
}

const missing = () => say(`There is no public board “${slug}” here.`);

async function read() {
  let wait = EVERY;
  try {
    const data = await visitor.call("GET", `/boards/${encodeURIComponent(slug)}`, { tries: 1 });
    if (rules === null) begin(data);
    else if (["name", "scoring", "order", "unit", "decimals"].some((field) => rules[field] !== data[field])) location.reload();
  } catch (refused) {
    if (refused.code === "not_found") missing();
    if (rules === null) {
      connection("reconnecting");
      wait = Math.max(AGAIN, (refused.retryAfter ?? 0) * 1000);
      if (refused.code === "not_found") {
        find("connection").hidden = true;
        wait = EVERY;
      }
    }
  }
  setTimeout(read, wait);
}

function begin(data) {
  rules = data;
  say("");
  find("connection").hidden = false;
  find("board-title").textContent = document.title = data.name;
  board.turn(data);
  feed.turn(slug);
}

find("whole").href = addressOf(slug).replace(/^\/embed/, "/");
feed.addEventListener("board", (event) => {
  say("");
  announcer.add(board.show(event.detail));
  if (event.detail.length === 0) announcer.clear();
});
feed.addEventListener("missing", missing);
feed.addEventListener("state", (event) => connection(event.detail));
feed.follow();
read();
