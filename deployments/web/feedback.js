/** Feedback on its way to POST /feedback. Owns a queue that lives as long as the tab; sent again until it is answered.

The key makes a second copy harmless. What the server refuses for good is dropped. */

const KEY = "naviyam-feedback";
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;

/** Make the queue. `told(entry, outcome)` hears `kept`, `uncollected`, `waiting` or `refused`. */
export function feedbackQueue(storage, told) {
  let waiting = JSON.parse(storage.get(KEY) ?? "[]");
  let waitMs = FIRST_WAIT_MS;
  let timer = null;
  let sending = null;

  const keep = () => storage.set(KEY, JSON.stringify(waiting));

  async function drain() {
    while (waiting.length) {
      const entry = waiting[0];
      const outcome = await send(entry);
      if (!waiting.includes(entry)) continue;
      if (outcome === "waiting") {
        for (const each of waiting) told(each, "waiting");
        timer = setTimeout(flush, waitMs);
        waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
        return;
      }
      waiting = waiting.filter((each) => each !== entry);
      keep();
      waitMs = FIRST_WAIT_MS;
      told(entry, outcome);
    }
  }

  function flush() {
    clearTimeout(timer);
    sending ??= drain().finally(() => (sending = null));
    return sending;
  }

  return {
    flush,
    /** Put a feedback in the queue; its key is `idempotency_key`. */
    add(entry) {
      if (waiting.some((each) => each.idempotency_key === entry.idempotency_key)) return;
      waiting.push(entry);
      keep();
      flush();
    },
    /** Forget what was not sent. */
    clear() {
      waiting = [];
      storage.drop(KEY);
    },
  };
}

async function send(entry) {
  let response;
  try {
    response = await fetch("feedback", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(entry),
      keepalive: true,
    });
  } catch {
    return "waiting";
  }
  if (response.status === 429 || response.status >= 500) return "waiting";
  if (!response.ok) return "refused";
  return (await response.json()).collected === false ? "uncollected" : "kept";
}
