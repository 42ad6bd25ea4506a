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
