// Scores as their board shows them: with its unit and decimals, and the better of two by its order.

import { number, points } from "./words.js";

/** A board without a unit, decimals or rules of its own. */
export const PLAIN = { slug: "main", name: "", scoring: "sum", order: "desc", unit: "", decimals: 0 };

/** 12345 with 3 decimals -> "12.345"; exact up to 2^53 - 1. */
export function decimal(value, decimals) {
  if (decimals === 0) return number(value);
  const digits = String(Math.abs(value)).padStart(decimals + 1, "0");
  const whole = number(Number(digits.slice(0, -decimals)));
  return `${value < 0 ? "-" : ""}${whole}.${digits.slice(-decimals)}`;
}

/** 12345 -> "12.345 s" on a board in seconds; "–" for no score yet. */
export function score({ unit, decimals }, value) {
  if (value === null || value === undefined) return "–";
  return unit ? `${decimal(value, decimals)} ${unit}` : decimal(value, decimals);
}

/** 12345 -> "+12.345 s". */
export const signed = (board, value) => `${value > 0 ? "+" : ""}${score(board, value)}`;

/** A score as part of a sentence: "12.345 s", or "10 points" on a board without a unit. */
export function scoreWords(board, value) {
  if (board.unit || value === null || value === undefined) return score(board, value);
  if (board.scoring === "count") return `${number(value)} ${value === 1 ? "completion" : "completions"}`;
  return board.decimals ? `${score(board, value)} points` : points(value);
}

/** Return the change from one score to another, positive for the better. */
export const gain = ({ order }, from, to) => (order === "asc" ? from - to : to - from);

/** Return whether the board adds results up; otherwise one result is the score. */
export const isTotal = ({ scoring }) => scoring === "sum" || scoring === "count";

/** Return what a result is worth on a board: "+10", "+1" where completions count, or the result that may become the score. */
export function worth(board, result) {
  if (board.scoring === "count") return "+1";
  return isTotal(board) ? signed(board, result) : score(board, result);
}

/** Return how much of the leader's lane a score fills, from 0 to 1. */
export function share({ order }, value, best) {
  if (best === 0) return value === 0 ? 1 : 0;
  const isBestNearest = (order === "asc") === best > 0; // the leader's score is the nearest to zero
  return Math.max(0, isBestNearest ? best / value : value / best);
}
