// All texts of the page about numbers, ranks, refusals and decisions.

const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "short" });

/** 1234567 -> "1,234,567"; exact up to 2^53 - 1, the largest score there is. */
export const number = (value) => NUMBER.format(value);

/** 1 -> "1 point". */
export const points = (value) => `${number(value)} ${value === 1 ? "point" : "points"}`;

/** 1 -> "1 player online". */
export const online = (value) => `${value === 0 ? "No" : number(value)} ${value === 1 ? "player" : "players"} online`;

/** null (nothing scored yet) -> "unranked". */
export const rank = (value) => (value === null || value === undefined ? "unranked" : number(value));

/** Seconds, rounded up to words that a person would use. */
export function seconds(value) {
  const whole = Math.max(1, Math.ceil(value));
  if (whole < 90) return `${whole} ${whole === 1 ? "second" : "seconds"}`;
  const minutes = Math.ceil(whole / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

const after = (refused, fallback) => (refused.retryAfter ? `in ${seconds(refused.retryAfter)}` : fallback);

// One sentence or two for every code of docs/api.md, and for errors that only a browser can meet.
const REFUSALS = {
  unauthorized: () => "Your sign-in has ended. Please sign in again.",
  invalid_credentials: () => "The username or the password is wrong.",
  account_suspended: () => "Your account is suspended. It is on no board, and it can't play.",
  suspicious_activity: () =>
    "This action did not score: the recent play looks automated. It was kept for a person to review. Take a break before you go on.",
  token_already_used: () => "This action was completed before, so it does not score twice. Your score shows what it earned.",
  trusted_only: () => "Only the game's own server may complete this action. Nothing was scored.",
  board_closed: () => "None of the boards that this action counts on is open now. Nothing was scored.",
  invalid_token: () => "This action has expired or is not yours. Nothing was scored; start a new one.",
  invalid_signature: () => "This action was not signed by this server. Nothing was scored; start a new one.",
  too_many_sockets: () => "This page is open in too many tabs. Close a tab, then reload this one.",
  too_many_actions: () => "You have too many actions open at once. Complete one elsewhere, or wait up to ten minutes until they expire.",
  username_taken: () => "This username is taken. Try another one.",
  too_soon: () => "Another action was completed meanwhile, so this one counts a little later.",
  in_progress: () => "The first try is still being worked on. Asking again in a moment.",
  idempotency_key_reused: () => "This try was mixed up with another one. Nothing was scored; start a new action.",
  rate_limited: (refused) => `That was too often in a short time. Try again ${after(refused, "in a minute")}.`,
  unavailable: (refused) => `A part of the service is not answering. Nothing is lost; try again ${after(refused, "in a moment")}.`,
  invalid_request: (refused) => fieldSentence(refused) ?? "The server did not accept what was sent. Please check it.",
  malformed_json: () => "The server could not read what this page sent. Reload the page and try again.",
  bad_request: () => "The server could not read what this page sent. Reload the page and try again.",
  request_timeout: () => "The connection is too slow: what this page sent did not arrive in time. Please try again.",
  too_large: () => "That is more text than the server accepts. Please shorten it.",
  unsupported_media_type: () => "The server did not understand this page. Reload it and try again.",
  not_found: () => "That no longer exists. Reload the page.",
  method_not_allowed: () => "The server did not understand this page. Reload it and try again.",
  forbidden: () => "Your account may not do this.",
  already_decided: () => "This case has been decided. It can't be appealed any more.",
  already_appealed: () => "You have appealed in this case. A person will read it; each case allows one appeal.",
  case_open: () => "This player has another open case. Decide that one first.",
  nothing_to_undo: () => "This case has no decision, so there is nothing to undo.",
  not_a_guest: () => "This is a full account already.",
  last_admin: () => "This is the last admin of this site. Make another account an admin first.",
  rebuild_required: () => "That would change past scores. Nothing was changed.",
  conflict: () => "That conflicts with the current state of the server. Reload the page and try again.",
  internal_error: () => "Something went wrong on the server. It was logged; please try again.",
  network: () => "The server can't be reached. Check your connection, then try again.",
};

function fieldSentence(refused) {
  const fields = Array.isArray(refused.details) ? refused.details : [];
  const parts = fields.filter((item) => item?.message).map((item) => `${item.field}: ${item.message}`);
  return parts.length ? parts.join(" ") : null;
}

/** Return the text for a refusal. An unknown code falls back to its status, then to the server's own words. */
export function refusal(refused) {
  const known = Object.hasOwn(REFUSALS, refused.code) ? REFUSALS[refused.code] : null;
  if (known) return known(refused);
  if (refused.status >= 500) return REFUSALS.internal_error();
  return refused.message || "The server refused, without saying why.";
}

/** Return the first sentence of a refusal, without the advice: for a request that the page repeats by itself. */
export const reason = (refused) => refusal(refused).split(/(?<=\.) /)[0];

/** Return the banner of a suspended player. `own` is the case in GET /me: null without one, undefined while it is unknown. */
export function suspension(own) {
  if (own === undefined) return `${REFUSALS.account_suspended()} Sign out and sign in again to read why.`;
  if (own === null || own.state === "cleared") {
    return `${REFUSALS.account_suspended()} An operator of this site suspended it; please ask them why.`;
  }
  if (own.state === "confirmed") return "Your account is suspended. A person has reviewed it, and it stays on no board.";
  return "Your account is suspended. It is on no board until a person has reviewed it.";
}

/** The question before a guest signs out. */
export const GUEST_LEAVES =
  "You play as a guest: once signed out, you can't come back to this score. To keep it, choose a name and a password first. Sign out all the same?";

/** "November 27, 2026 at 9:30 PM" for a moment of the API. */
export const day = (moment) => DAY.format(new Date(moment));

/** Return the note about the player's case, as GET /me has it, if it was cleared; "" otherwise. */
export function clearance(own) {
  if (own?.state !== "cleared") return "";
  return `On ${day(own.opened_at)} a case was opened about this account's play. A person has reviewed it, and cleared it on ${day(own.decided_at)}.`;
}

/** Return the codes that have a text of their own. */
export const knownCodes = () => Object.keys(REFUSALS);

/** The states in which the server is out of reach. */
export const LOST = new Set(["reconnecting", "offline"]);

/** The text of the status line for each state of the connection. */
export const CONNECTION = {
  connecting: "Connecting…",
  live: "Live: every change within a second",
  polling: "Updates every 2 seconds; sign in to watch live",
  suspended: "Updates every 2 seconds; not live while your account is suspended",
  reconnecting: "Connection lost. Reconnecting…",
  fallback: "Reconnecting… Until then, updates every 2 seconds",
  offline: "Offline. The board shows its last known state",
};
