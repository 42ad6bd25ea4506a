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
  version: number;
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
}

export interface Envelope {
  meta: { code: number; request_id: string; total?: number };
  data: any;
  links?: Record<string, string>;
}

export class FairboardError extends Error {
  /** The API's code, such as `board_closed`; `network` when the server can't be reached. */
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
  readonly state: "connecting" | "live" | "reconnecting" | "closed";
  close(): void;
}

/** Events: `token` (signed in, or a new access token), `signout`. */
export class Fairboard extends EventTarget {
  constructor(url?: string, options?: { storage?: Storage | null });
  readonly url: string;
  readonly user: User | null;
  register(username: string, password: string): Promise<User>;
  signIn(username: string, password: string): Promise<User>;
  guest(): Promise<User>;
  use(pair: TokenPair): Promise<User>;
  signOut(): Promise<void>;
  token(): Promise<string | null>;
  renew(stale: string): Promise<void>;
  start(actionType: string): Promise<Action>;
  top(board?: string, query?: { limit?: number; after?: string; season?: number; segment?: string }): Promise<Page>;
  watch(
    board: string,
    onBoard: (board: Board) => void,
    listeners?: {
      /** The player's own rank and score, whenever they change. */
      onStanding?: (standing: Standing) => void;
      onState?: (state: Subscription["state"]) => void;
      onError?: (error: FairboardError) => void;
    },
  ): Subscription;
  call(method: string, path: string, options?: Call): Promise<any>;
  request(method: string, path: string, options?: Call & { tries?: number }): Promise<Envelope>;
}
