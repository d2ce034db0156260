/** One question and its answer on the screen: cards, words, help, trouble. Owns the turn's elements, not what comes after. */

import { card, shopDetails } from "./cards.js";
import { $, hush, make, say, stamp } from "./dom.js";
import { around } from "./sketch.js";
import { Trouble, chat } from "./stream.js";
import * as words from "./words.js";

/** An end that words follow: not the dot of "1. 가게", and an emoji stays with its sentence. */
const SENTENCE_END = /([!?…~]|[^\d\s]\.)\s+(?=[\p{L}\p{N}])/gu;
const CALLS = /1388|112|109/;
const LONGEST_WAIT_S = 30;

/** Return the list of numbers to call. */
export function phones() {
  return words.PHONES.map(({ number, name, about }) => {
    const link = make("a", "", "", make("b", "", number), make("span", "", name), make("small", "", about));
    link.href = `tel:${number}`;
    return make("li", "", "", link);
  });
}

/** Make a turn for `message` and put it on the screen.

`does` are `ready()`, `body(message)` (what POST /chat gets), `place` (its point, or null), `ask(message)`,
`again()` and `feedback(entry, hear)`. */
export function turn(message, does) {
  const { node, parts } = stamp("turn-template");
  parts.question.textContent = message;
  $("talk").append(node);
  const state = { said: "", spoken: 0, running: false, done: null, cards: new Map(), helped: false };
  const kept = [];

  async function run(signal) {
    start();
    try {
      await does.ready();
      for await (const event of chat(does.body(message), signal)) take(event);
      return true;
    } catch (error) {
      if (signal.aborted) stopped();
      else fail(error instanceof Trouble ? error : new Trouble(navigator.onLine ? "trouble" : "offline"));
      return false;
    } finally {
      parts.answer.classList.remove("waiting");
      state.running = false;
      sendKept();
    }
  }

  function start() {
    hush();
    Object.assign(state, { said: "", spoken: 0, running: true });
    parts.shops.replaceChildren();
    parts.shops.hidden = parts.sketch.hidden = true;
    parts.after.replaceChildren();
    parts.answer.hidden = false;
    wait("sent");
  }

  /** Show what was answered before the page was loaded anew. */
  function restore(done) {
    state.done = done;
    parts.answer.textContent = done.response;
    show(done.recommendations);
  }

  function wait(step) {
    parts.answer.classList.add("waiting");
    parts.answer.textContent = words.WAITING[step];
  }

  function take({ name, data }) {
    if (name === "understanding") {
      if (data.intent === "HELP_NEEDED") help();
      else wait("understanding");
    } else if (name === "recommendations") {
      wait("recommendations");
      show(data.recommendations);
      if (data.recommendations.length) say(words.found(data.recommendations.length));
    } else if (name === "delta") {
      write(state.said + data.text);
    } else if (name === "done") {
      finish(data);
    }
  }

  function write(text) {
    state.said = text;
    parts.answer.classList.remove("waiting");
    parts.answer.textContent = text;
    speak(text, -1);
  }

  /** Say the sentences that were not said yet, but for the last one where it may still grow. */
  function speak(text, end) {
    const sentences = text.replace(SENTENCE_END, "$1\n").split(/\n+/);
    const ready = sentences.slice(state.spoken, end);
    for (const sentence of ready) say(sentence);
    state.spoken += ready.length;
  }

  function finish(done) {
    write(done.response);
    speak(done.response);
    state.done = done;
    const { intent, method } = done.metadata;
    if (intent === "HELP_NEEDED" || (method === "safety" && CALLS.test(done.response))) help();
  }

  function show(shops) {
    for (const shop of shops) {
      const made = card(shop, {
        go: () => does.ask(words.going(shop.name)),
        feedback: (type, more = {}) => give(shop.shop_id, type, more),
      });
      state.cards.set(shop.shop_id, made);
      parts.shops.append(made.node);
    }
    parts.shops.hidden = shops.length === 0;
    parts.answer.classList.toggle("long", shops.length > 1);
    const { point } = does.place;
    parts.sketch.hidden = point === null || !shops.some((shop) => shop.distance_m !== undefined);
    parts.sketch.addEventListener("toggle", () => sketch(point, shops), { once: true });
  }

  async function sketch(point, shops) {
    const found = await Promise.all(shops.map((shop) => shopDetails(shop.shop_id)));
    const placed = shops
      .map((shop, at) => ({ ...shop, ...pointOf(found[at]) }))
      .filter((shop) => shop.latitude !== undefined);
    const drawn = placed.length ? around(point, placed) : [make("p", "quiet", words.NO_MAP)];
    parts.map.replaceChildren(...drawn);
  }

  /** The answer's id comes with its end: what is given before waits for it. */
  function give(shopId, type, more) {
    kept.push({ shop_id: shopId, feedback_type: type, ...more });
    if (!state.running) sendKept();
  }

  function sendKept() {
    for (const entry of kept.splice(0)) {
      const known = state.done && { interaction_id: state.done.interaction_id };
      does.feedback({ ...entry, ...known }, (outcome) =>
        state.cards.get(entry.shop_id).hear(entry.feedback_type, outcome),
      );
    }
  }

  function help() {
    if (state.helped) return;
    state.helped = true;
    const { node: box } = stamp("help-template");
    box.querySelector("ul").append(...phones());
    parts.answer.after(box);
  }

  function stopped() {
    if (!state.said) parts.answer.textContent = words.STOPPED;
    say(words.STOPPED);
  }

  function fail(trouble) {
    if (!state.said) parts.answer.hidden = true;
    const { node: box, parts: inside } = stamp("trouble-template");
    inside.text.textContent = trouble.said || words.TROUBLE[trouble.kind];
    say(inside.text.textContent);
    inside.again.addEventListener("click", () => does.again());
    countDown(inside.again, Math.min(Math.ceil(trouble.waitS), LONGEST_WAIT_S));
    parts.after.append(box);
  }

  return { message, node, parts, run, restore, state };
}

function countDown(button, seconds) {
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? words.wait(seconds) : words.AGAIN;
  if (seconds > 0) setTimeout(() => countDown(button, seconds - 1), 1_000);
}

function pointOf(shop) {
  return shop?.latitude == null ? {} : { latitude: shop.latitude, longitude: shop.longitude };
}
