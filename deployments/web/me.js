/** Who talks: a random id of this browser, and whether anything may be written down.

Nothing is, until the child said yes: before the first message the profile says no. */

import { lasting, randomId } from "./storage.js";

const ID = "naviyam-user";
const ASKED = "naviyam-asked";

/** Make the browser's user. */
export function person() {
  const known = lasting.get(ID);
  let id = known ?? fresh();
  let consent = null;
  let stored = known !== null;

  const address = () => `users/${id}`;

  async function profile() {
    const response = await fetch(address());
    if (response.ok) return response.json();
    if (response.status === 404) return null;
    throw new Error(`GET user: ${response.status}`);
  }

  async function put(agreed) {
    const found = stored ? await profile() : null;
    const response = await fetch(address(), {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...found?.profile, consent: agreed }),
    });
    if (!response.ok) throw new Error(`PUT user: ${response.status}`);
    stored = true;
    consent = agreed;
  }

  return {
    get id() {
      return id;
    },
    get consent() {
      return consent;
    },
    get asked() {
      return lasting.get(ASKED) !== null;
    },
    /** Look up what was agreed before; a stranger has agreed to nothing. */
    async load() {
      const found = stored ? await profile() : null;
      if (found === null) lasting.drop(ASKED);
      consent = found?.consent ?? null;
      return consent;
    },
    /** Agree or not; throws where it could not be told. */
    async agree(agreed) {
      await put(agreed);
      lasting.set(ASKED, "yes");
    },
    /** Make sure that who was not asked yet leaves no trace. */
    async ready() {
      if (lasting.get(ASKED) === null && consent === null) await put(false);
    },
    /** Remove everything everywhere; who talks on is a stranger. */
    async erase() {
      const response = await fetch(address(), { method: "DELETE" });
      if (!response.ok) throw new Error(`DELETE user: ${response.status}`);
      id = fresh();
      consent = null;
      stored = false;
      lasting.drop(ASKED);
    },
  };
}

function fresh() {
  const id = randomId("web-");
  lasting.set(ID, id);
  return id;
}
