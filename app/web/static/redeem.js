// Completes an action so that a lost answer never loses points: every try carries the same Idempotency-Key, and tries go on
// until the server has answered with the outcome.

const RETRIED = new Set(["network", "unavailable", "in_progress", "too_soon", "rate_limited", "internal_error"]);
const LONGEST = 15_000; // ms between two tries at most, unless the server asks for more
const INTERNAL_TRIES = 5; // an internal error after so many tries will not go away

/** Return the ms until the next try after `tries` tries, the last of which was refused with `refused`. */
export function pauseFor(refused, tries) {
  const backoff = Math.min(LONGEST, 400 * 2 ** Math.min(tries, 6)) * (0.75 + Math.random() / 2);
  return Math.max(backoff, (refused.retryAfter ?? 0) * 1000);
}

/**
 * Complete `action` ({id, token, key}) and return the answer's data. Calls `onRetry(refused, ms)` before each further try.
 * Throws the Refused that is final, or the last one once `signal` is aborted.
 */
export async function redeem(session, action, { onRetry, signal }) {
  for (let tries = 1; ; tries += 1) {
    try {
      const { data } = await session.call("POST", `/actions/${action.id}/complete`, {
        body: { token: action.token },
        headers: { "Idempotency-Key": action.key },
      });
      return data;
    } catch (refused) {
      const hopeless = refused.code === "internal_error" && tries >= INTERNAL_TRIES;
      if (!RETRIED.has(refused.code) || hopeless || signal.aborted) throw refused;
      const wait = pauseFor(refused, tries - 1);
      onRetry(refused, wait);
      await interval(wait, signal, refused.retryAfter === null);
      if (signal.aborted) throw refused;
    }
  }
}

/** Wait `ms`, or less when `signal` is aborted or (if `hurry`) the network comes back. */
function interval(ms, signal, hurry) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      window.removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (hurry) window.addEventListener("online", end);
  });
}
