/** POST /chat as a stream of events. Owns the wire: what is refused, late or cut becomes one `Trouble`. */

const SILENCE_MS = 20_000;
const BY_STATUS = { 413: "long", 422: "unclear", 429: "often", 503: "busy" };

/** What went wrong: a `kind` of words.TROUBLE, seconds to wait, and the server's own words where they are for a child. */
export class Trouble extends Error {
  constructor(kind, { waitS = 0, said = "" } = {}) {
    super(kind);
    this.kind = kind;
    this.waitS = waitS;
    this.said = said;
  }
}

/** Yield `{name, data}` as they come; the last is `done`. Throws `Trouble`, or `AbortError` where `signal` stops it. */
export async function* chat(body, signal) {
  const line = new AbortController();
  const hangUp = () => line.abort();
  signal.addEventListener("abort", hangUp);
  let timer = setTimeout(hangUp, SILENCE_MS);
  try {
    const response = await ask(body, line.signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for await (const event of frames(reader)) {
      clearTimeout(timer);
      timer = setTimeout(hangUp, SILENCE_MS);
      if (event.name === "error") {
        throw new Trouble("trouble", { waitS: event.data.retry_after_s ?? 0, said: event.data.detail });
      }
      yield event;
      if (event.name === "done") return;
    }
    throw new Trouble("cut");
  } catch (error) {
    if (error instanceof Trouble || signal.aborted) throw error;
    throw new Trouble(navigator.onLine ? "cut" : "offline");
  } finally {
    clearTimeout(timer);
    hangUp();
  }
}

async function ask(body, signal) {
  let response;
  try {
    response = await fetch("chat", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("offline");
  }
  if (response.ok) return response;
  const waitS = Number(response.headers.get("Retry-After")) || 0;
  throw new Trouble(BY_STATUS[response.status] ?? "trouble", { waitS });
}

async function* frames(reader) {
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part);
      const data = /^data: (.*)$/m.exec(part);
      if (name && data) yield { name: name[1], data: JSON.parse(data[1]) };
    }
  }
}
