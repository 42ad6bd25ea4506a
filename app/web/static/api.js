// Requests to the server: each returns an answer, or throws a Refused with the API's code.

const BASE = "/api/v1";
const TIMEOUT = 10_000; // ms; a stalled connection counts as lost after that

/** A refusal by the server (`code` is its code), or a server out of reach (`network`). `retryAfter` is in seconds, or null. */
export class Refused extends Error {
  constructor({ code, status = 0, message = "", details = null, retryAfter = null }) {
    super(message || code);
    Object.assign(this, { code, status, message, details, retryAfter });
  }
}

/** Return {status, data, headers}; data is null for 204 and 304. Throws Refused. */
export async function call(method, path, { body, token, headers = {}, timeout = TIMEOUT } = {}) {
  const request = { method, headers: { Accept: "application/json", ...headers }, credentials: "omit", cache: "no-store" };
  if (token) request.headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const { response, text } = await exchange(path, request, timeout);
  if (response.status === 304) return { status: 304, data: null, headers: response.headers };
  const envelope = parse(text);
  if (!response.ok) throw refusedBy(response, envelope);
  return { status: response.status, data: envelope?.data ?? null, headers: response.headers };
}

async function exchange(path, request, timeout) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), timeout);
  try {
    const response = await fetch(BASE + path, { ...request, signal: control.signal });
    return { response, text: await response.text() };
  } catch {
    throw new Refused({ code: "network" });
  } finally {
    clearTimeout(timer);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a 204 without a body, or a proxy's own page
  }
}

function refusedBy(response, envelope) {
  const wait = Number(response.headers.get("Retry-After"));
  const error = envelope?.error ?? {};
  return new Refused({
    code: error.code ?? (response.status >= 502 ? "unavailable" : "internal_error"),
    status: response.status,
    message: error.message,
    details: error.details,
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : null,
  });
}
