// The page's clients of the API.

import { Fairboard } from "./fairboard.js";

/** The player's: every tab has the same sign-in. */
export const player = new Fairboard(undefined, { key: "fairboard.session" });

/** One without an account, for what everybody may read. */
export const visitor = new Fairboard(undefined, { storage: null });
