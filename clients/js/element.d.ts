import type { Fairboard, Row } from "./fairboard.js";

export function formatScore(value: number, format?: { decimals?: number; unit?: string }): string;

/** `<fairboard-board server="…" board="main" rows="10">`. Dispatches `board` with the rows that it shows. */
export class FairboardBoard extends HTMLElement {
  client: Fairboard;
}

declare global {
  interface HTMLElementTagNameMap {
    "fairboard-board": FairboardBoard;
  }
  interface HTMLElementEventMap {
    board: CustomEvent<Row[]>;
  }
}
