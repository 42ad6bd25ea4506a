// Values stored in the browser. Storage may be forbidden (private windows): then they last as long as the page.

function box(name) {
  const spare = new Map();
  let store = null;
  try {
    store = window[name];
  } catch {
    store = null;
  }
  return {
    read(key) {
      try {
        return JSON.parse(store ? store.getItem(key) : (spare.get(key) ?? null));
      } catch {
        return null; // a foreign or damaged value counts as missing
      }
    },
    write(key, value) {
      const text = JSON.stringify(value);
      try {
        if (store) return store.setItem(key, text);
      } catch {
        store = null; // storage is full or forbidden
      }
      spare.set(key, text);
    },
    remove(key) {
      spare.delete(key);
      try {
        store?.removeItem(key);
      } catch {
        store = null;
      }
    },
  };
}

/** Storage shared by all tabs. */
export const shared = box("localStorage");

/** Storage of this tab only, which survives a reload. */
export const tab = box("sessionStorage");

/** Return 32 hex digits. `crypto.randomUUID` exists on https and localhost only. */
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const LEASE = 15_000; // ms; longer than any request made under the lock

/** Run `work` while no other tab runs work under the same name. */
export async function exclusive(name, work) {
  if (navigator.locks) return navigator.locks.request(name, work);
  return leased(name, work); // Web Locks exist on https and localhost only
}

async function leased(name, work) {
  const owner = randomId();
  for (;;) {
    const lease = shared.read(name);
    const left = lease ? lease.until - Date.now() : 0;
    if (left <= 0 || left > LEASE) { // the lease is over, or its time is unknown since the clock was set back
      shared.write(name, { owner, until: Date.now() + LEASE });
      await pause(40 + Math.random() * 40); // another tab may have written at the same moment; the last writer holds the lease
      if (shared.read(name)?.owner === owner) break;
    }
    await pause(60);
  }
  try {
    return await work();
  } finally {
    if (shared.read(name)?.owner === owner) shared.remove(name);
  }
}

/** Resolve after `ms`. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
