export interface User {
  user_id: string;
  username: string;
}

/** The answer of `register`, `login`, `refresh`, and of `POST /players/{id}/tokens` for a game's own server. */
export interface TokenPair {
  access_token: string;
  refresh_token: string;
  token_type: "Bearer";
  /** Seconds. */
  expires_in: number;
  user?: User;
}

export interface Row {
  rank: number;
  user_id: string;
  username: string;
  score: number;
  achieved_at: string;
  metadata?: Record<string, unknown>;
}

export interface Change {
  user_id: string;
  username: string;
  score: number;
  previous_score: number;
  rank: number;
  previous_rank: number | null;
  action_type: string;
}

export interface Board {
  /** The top ten. */
  rows: Row[];
  /** Grows with every change; a later board may repeat it after a reconnect. Null while the board is polled. */
  version: number | null;
  /** Players who watch the board now; null while the board is polled. */
  online: number | null;
  /** What changed since an earlier board; empty for the first one. */
  changes: Change[];
}

export interface Standing {
  rank: number | null;
  previous_rank: number | null;
  score: number | null;
  total: number;
}

export interface BeforeAndAfter {
  previous: number | null;
  current: number | null;
}

export interface Completed {
  action_id: string;
  points: number | null;
  result: number;
  score: BeforeAndAfter;
  rank: BeforeAndAfter;
  standings: { board: string; season: number; score: BeforeAndAfter; rank: BeforeAndAfter; counted: boolean }[];
}

export interface Action {
  action_id: string;
  action_type: string;
  token: string;
  points: number | null;
  expected_score: number | null;
  issued_at: string;
  expires_at: string;
  /** Completes the action, and tries again until the server has answered. `result` only where the player reports it. */
  complete(result?: number, metadata?: Record<string, unknown>): Promise<Completed>;
}

export interface Page {
  rows: Row[];
  total: number;
  /** The cursor of the next page, for `after`; null on the last one. */
  next: string | null;
}

export interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Call {
  body?: unknown;
  /** An Idempotency-Key: the call is then repeated until it is answered. */
  key?: string;
  /** At most; without it 6 of a read or of a call with a `key`, and 1 of another one. */
  tries?: number;
  /** Aborted: no further try. */
  signal?: AbortSignal;
  /** Without the player's token: what everybody may read is readable on pages of any origin. */
  visitor?: boolean;
  /** Called before the pause that precedes another try, and with 0 ms after it. */
  onRetry?: (error: FairboardError, ms: number) => void;
}

export interface Envelope {
  meta: { code: number; request_id: string; total?: number };
  data: any;
  links?: Record<string, string>;
  headers: Headers;
}

/** A refusal by the server, or a server out of reach. */
export class FairboardError extends Error {
  /** The API's code, such as `board_closed`; `network` when the server can't be reached, `unreadable` when something else answers. */
  code: string;
  details: unknown;
  /** The HTTP status, or the code of a socket's error; 0 for `network`. */
  status: number;
  /** Seconds. */
  retryAfter: number | null;
  requestId: string | null;
}

export interface Subscription {
  readonly board: string;
  /** `polling`: there is no socket, and the public board is read every two seconds. */
  readonly state: "connecting" | "live" | "reconnecting" | "polling" | "closed";
  close(): void;
  /** Follow another board on the same socket: the state is `connecting` until it has come. Once `closed`, as after
   * `not_found`, it does nothing: call `watch` again. */
  turn(board: string): void;
}

/**
 * A player at one server. Tokens are kept in `storage`, so that a reload and other tabs have the same player.
 *
 * Events: `token` (signed in, or a new access token), `user` (another player, or another name of the player), `signout` (a
 * CustomEvent; detail: the FairboardError that ended the sign-in, null if the player did), `reached` (the server may be within
 * reach again: all that waits is tried at once).
 */
export class Fairboard extends EventTarget {
  /** `url`: the server's address, such as `https://scores.example.com` (TypeError for another form); by default the page's own.
   * `key`: the name of the tokens in `storage`; by default one for each server. */
  constructor(url?: string, options?: { storage?: Storage | null; key?: string });
  readonly url: string;
  /** Of this browser: a load balancer keeps its tabs on one server. */
  readonly id: string;
  /** The signed-in player. */
  readonly user: User | null;
  register(username: string, password: string): Promise<User>;
  signIn(username: string, password: string): Promise<User>;
  /** Plays as a new guest, unless somebody is signed in. */
  guest(): Promise<User>;
  /** Takes over a token pair that the game's own server got for its player. */
  use(pair: TokenPair): Promise<User>;
  /** Signs out at once; the server is told if it can be reached. */
  signOut(): Promise<void>;
  /** An access token that is valid now, or null without a player. */
  token(): Promise<string | null>;
  renew(stale: string): Promise<void>;
  /** Begins an action, which the `complete` of what is returned completes. */
  start(actionType: string): Promise<Action>;
  top(board?: string, query?: { limit?: number; after?: string; season?: number; segment?: string }): Promise<Page>;
  /** Keeps `onBoard` up to date with the top ten until `close()`. */
  watch(
    board: string,
    onBoard: (board: Board) => void,
    listeners?: {
      /** The player's own rank and score, whenever they change. */
      onStanding?: (standing: Standing) => void;
      onState?: (state: Subscription["state"]) => void;
      onError?: (error: FairboardError) => void;
      /** False: the public board is not polled while there is no socket. */
      fallback?: boolean;
    },
  ): Subscription;
  /** The `data` of any call, as the player if there is one. */
  call(method: string, path: string, options?: Call): Promise<any>;
  /** The whole envelope of any call. */
  request(method: string, path: string, options?: Call): Promise<Envelope>;
}

/** 32 hex digits, for an Idempotency-Key. */
export function randomId(): string;
/** The ms until the next try of a socket that was closed with `code`, after `failures` failed tries in a row. */
export function delayFor(code: number, failures: number): number;
/** The ms that a socket has for its first board, after `failures` failed tries in a row. */
export function tryFor(failures: number): number;
