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
 * Complete `action` ({id, token, key, form, result}) and return the answer's data; `result` is sent if it has a `form`. Calls `onRetry(refused, ms)` before the pause that precedes a
 * further try, and with 0 after it. The event `reached` of `reached` ends a pause that the server did not ask for.
 * Throws the Refused that is final, or the last one once `signal` is aborted.
 */
export async function redeem(session, action, { onRetry, signal, reached }) {
  for (let tries = 1; ; tries += 1) {
    try {
      const { data } = await session.call("POST", `/actions/${action.id}/complete`, {
        body: action.form ? { token: action.token, result: action.result } : { token: action.token },
        headers: { "Idempotency-Key": action.key },
      });
      return data;
    } catch (refused) {
      const hopeless = refused.code === "internal_error" && tries >= INTERNAL_TRIES;
      if (!RETRIED.has(refused.code) || hopeless || signal.aborted) throw refused;
      const wait = pauseFor(refused, tries - 1);
      onRetry(refused, wait);
      await interval(wait, signal, refused.retryAfter === null ? reached : null);
      if (signal.aborted) throw refused;
      onRetry(refused, 0);
    }
  }
}

/** Wait `ms`, or less when `signal` is aborted, or the server is reached again; `reached` is null to wait in any case. */
function interval(ms, signal, reached) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      reached?.removeEventListener("reached", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    reached?.addEventListener("reached", end);
  });
}
