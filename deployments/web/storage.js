/** What the browser keeps. Owns the keys; where the browser keeps nothing, this page's own memory does. */

function shelf(name) {
  const memory = new Map();
  const real = () => {
    try {
      return window[name];
    } catch {
      return null;
    }
  };
  return {
    get(key) {
      try {
        return real().getItem(key);
      } catch {
        return memory.has(key) ? memory.get(key) : null;
      }
    },
    set(key, value) {
      memory.set(key, value);
      try {
        real().setItem(key, value);
      } catch {
        // A full or closed store costs no talk: the page's memory has it.
      }
    },
    drop(key) {
      memory.delete(key);
      try {
        real().removeItem(key);
      } catch {
        // As above.
      }
    },
  };
}

/** Outlives the visit: the random id and whether consent was asked. */
export const lasting = shelf("localStorage");

/** Ends with the tab: the place, and feedback that could not be sent yet. */
export const passing = shelf("sessionStorage");

/** Return a random id that says nothing of who it is. */
export function randomId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return prefix + Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
