// The season of a board in words: when it ends, and what happens then.

const MOMENT = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

/** Milliseconds in the two largest units: "2 d 4 h", "12 min 5 s", "9 s". */
export function countdown(ms) {
  let left = Math.max(0, Math.ceil(ms / 1000));
  const parts = [];
  const first = UNITS.findIndex(([, size]) => left >= size);
  for (const [name, size] of UNITS.slice(first < 0 ? 3 : first).slice(0, 2)) {
    if (parts.length === 0 || left >= size) parts.push(`${Math.floor(left / size)} ${name}`);
    left %= size;
  }
  return parts.join(" ");
}

const time = (text) => (text ? Date.parse(text) : null);

/** Return the times (ms) at which the board's season begins and ends: null for none. */
export const bounds = ({ season }) => ({ starts: time(season?.starts_at), ends: time(season?.ends_at) });

/** Return whether the board takes results at `now` (ms). At the end of a season the next one begins, unless it was the last. */
export function isOpen(board, now) {
  const { starts, ends } = bounds(board);
  return starts !== null && starts <= now && (ends === null || now < ends || !isLast(board));
}

const isLast = (board) => board.ends_at !== null && time(board.ends_at) <= bounds(board).ends;

const isContest = (board) => !board.schedule && Boolean(board.starts_at || board.ends_at);

/** Return the sentences about the board's season at `now` (ms); "" for an endless one that is the first. */
export function seasonWords(board, now) {
  const { starts, ends } = bounds(board);
  if (starts === null) return "";
  const { number } = board.season;
  const subject = isContest(board) ? "The contest" : `Season ${number}`;
  if (now < starts) return `${subject} starts in ${countdown(starts - now)}, on ${MOMENT.format(starts)}. Nothing counts before that.`;
  if (ends === null) return number > 1 ? `${subject}. It has no set end.` : "";
  if (now < ends) {
    const then = isLast(board) ? "Then the list is final." : `Then the list empties and season ${number + 1} begins.`;
    return `${subject} ends in ${countdown(ends - now)}, on ${MOMENT.format(ends)}. ${then}`;
  }
  return isLast(board) ? `${subject} ended on ${MOMENT.format(ends)}. The list is final.` : `Season ${number} has ended. Season ${number + 1} begins.`;
}

/** Return the note that a season has given way to the next one, `number`. */
export const turnWords = (number) => `Season ${number - 1} has ended and is final. This is season ${number}, whose list started empty.`;
