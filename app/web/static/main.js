// Connects the parts of the page, which know nothing of each other.

import { Account } from "./account.js";
import { Announcer } from "./announce.js";
import { BoardHead } from "./board-head.js";
import { Board } from "./board.js";
import { Boards } from "./boards.js";
import { Case } from "./case.js";
import { player } from "./clients.js";
import { Feed } from "./feed.js";
import { Online } from "./online.js";
import { OwnAccount } from "./own-account.js";
import { Play } from "./play.js";
import { Standing } from "./standing.js";
import { CONNECTION, LOST, suspension } from "./words.js";

const account = new Account();
const announcer = new Announcer();
const boards = new Boards();
const head = new BoardHead(boards);
const board = new Board();
const ownCase = new Case();
const feed = new Feed(player);
const online = new Online();
const ownAccount = new OwnAccount();
const play = new Play(boards);
const standing = new Standing(board);

const banner = document.getElementById("banner");
const bannerWords = document.getElementById("banner-words");
const bannerLink = document.getElementById("banner-link");
const connection = document.getElementById("connection");
const connectionWords = document.getElementById("connection-words");

let userId = null; // of the signed-in player
let suspended = false;
let playersCase; // the case in GET /me: null without one, undefined while it is unknown

function someoneElse(refused = null) {
  suspended = false;
  playersCase = undefined;
  userId = player.user?.user_id ?? null;
  board.mark(userId);
  account.show(refused);
  ownCase.show(null);
  ownAccount.reset();
  standing.reset();
  settle();
}

/** Update every part for the present visitor, who may be suspended. */
function settle() {
  warn();
  play.allow(userId !== null && !suspended);
  feed.follow({ suspended });
}

/** Tell a suspended player what they can do. */
function warn() {
  const words = suspended ? suspension(playersCase) : "";
  if (bannerWords.textContent !== words) bannerWords.textContent = words;
  bannerLink.hidden = !suspended || !playersCase || playersCase.state === "cleared";
  bannerLink.textContent = playersCase?.may_appeal ? "Read why, and appeal" : "Read more";
  banner.hidden = !suspended;
}

function learn(status) {
  if (suspended === (status === "suspended")) return;
  suspended = status === "suspended";
  settle();
}

boards.addEventListener("chosen", ({ detail }) => {
  announcer.clear();
  board.turn(detail.board);
  standing.turn(detail.board);
  online.turn(detail.board.slug);
  feed.turn(detail.board.slug);
  play.turn();
});
boards.addEventListener("unreached", () => feed.unreached());
head.addEventListener("turned", () => {
  standing.turn(boards.board);
  play.turn();
});

document.getElementById("sign-out").addEventListener("click", () => ownAccount.leave());
player.addEventListener("user", () => {
  if (player.user.user_id === userId) return account.show(); // another name
  const focused = document.activeElement?.closest("#account");
  someoneElse();
  if (focused) play.focus();
});
player.addEventListener("signout", (event) => {
  feed.follow({ watches: false }); // closes the player's socket; the visitor gets another one
  someoneElse(event.detail);
  document.getElementById("who-enter").focus();
});

standing.addEventListener("known", (event) => {
  if (event.detail.user_id !== undefined) {
    playersCase = event.detail.case ?? null;
    ownCase.show(event.detail);
    ownAccount.know(event.detail, event.detail.status === "suspended");
  }
  learn(event.detail.status);
  warn();
});
ownCase.addEventListener("appealed", () => standing.refresh());
feed.addEventListener("suspended", () => {
  learn("suspended");
  standing.refresh();
});
feed.addEventListener("board", (event) => {
  const isFirst = !board.isShown;
  announcer.add(board.show(event.detail));
  standing.follow();
  if (event.detail.length > 0) return;
  announcer.clear();
  if (!isFirst) boards.read(); // the season may have ended, also one without results
});
feed.addEventListener("missing", () => boards.read());
feed.addEventListener("online", (event) => online.show(event.detail));
feed.addEventListener("state", (event) => {
  online.follow(event.detail);
  const before = connection.dataset.state;
  connection.dataset.state = event.detail;
  if (connectionWords.textContent !== CONNECTION[event.detail]) connectionWords.textContent = CONNECTION[event.detail];
  if (LOST.has(before) && !LOST.has(event.detail)) account.reached();
});
play.addEventListener("earned", (event) => standing.earned(event.detail));
play.addEventListener("refused", (event) => {
  if (event.detail.code === "account_suspended") learn("suspended");
  standing.refresh();
});

someoneElse();
