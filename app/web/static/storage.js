// What the browser keeps for us. Storage may be forbidden (private windows): then it lasts as long as the page.

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
        return null; // not ours, or damaged: as if it were not there
      }
    },
    write(key, value) {
      const text = JSON.stringify(value);
      try {
        if (store) return store.setItem(key, text);
      } catch {
        store = null; // full or forbidden
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

/** Shared by all tabs. */
export const shared = box("localStorage");

/** This tab only; survives a reload. */
export const tab = box("sessionStorage");

/** 32 hex digits. `crypto.randomUUID` exists on https and localhost only. */
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const LEASE = 15_000; // ms; longer than any request made under the lock

/** Run `work` while no other tab runs under the same name. */
export async function exclusive(name, work) {
  if (navigator.locks) return navigator.locks.request(name, work);
  return leased(name, work); // Web Locks exist on https and localhost only
}

async function leased(name, work) {
  const owner = randomId();
  for (;;) {
    const lease = shared.read(name);
    const left = lease ? lease.until - Date.now() : 0;
    if (left <= 0 || left > LEASE) { // it is over; or the clock was set back, and nobody knows
      shared.write(name, { owner, until: Date.now() + LEASE });
      await pause(40 + Math.random() * 40); // another tab may have written at the same moment; the last one holds it
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

/** Resolves after `ms`. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
