/** One conversation: its id and its last answers, so that a page that was loaded anew goes on where it was.

Ends with the tab or with "새로 시작". What the safety screen answered is not kept: nobody who picks up the phone reads it. */

import { passing, randomId } from "./storage.js";

const KEY = "naviyam-talk";
const KEPT = 6;

/** Make the conversation, the one before where the tab still holds it. */
export function conversation() {
  let held = read() ?? fresh();

  const keep = () => passing.set(KEY, JSON.stringify(held));

  return {
    get id() {
      return held.id;
    },
    /** `{message, done}`, oldest first. */
    get turns() {
      return held.turns;
    },
    add(message, done) {
      if (done.metadata.method === "safety") return;
      const { interaction_id, response, recommendations } = done;
      const { method, place } = done.metadata;
      const turn = { message, done: { interaction_id, response, recommendations, metadata: { method, place } } };
      held.turns = [...held.turns, turn].slice(-KEPT);
      keep();
    },
    startOver() {
      held = fresh();
      passing.drop(KEY);
    },
  };
}

function read() {
  try {
    return JSON.parse(passing.get(KEY));
  } catch {
    return null;
  }
}

function fresh() {
  return { id: randomId("s-"), turns: [] };
}
