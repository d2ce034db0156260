/** The chat page: wires the parts together. Owns the session and who may speak when. */

import { $, make, say } from "./dom.js";
import { feedbackQueue } from "./feedback.js";
import { person } from "./me.js";
import { whereabouts } from "./place.js";
import { conversation } from "./session.js";
import { passing } from "./storage.js";
import { phones, turn } from "./turn.js";
import * as words from "./words.js";

const me = person();
const place = whereabouts();
const listeners = new Map();
const queue = feedbackQueue(passing, (entry, outcome) =>
  listeners.get(entry.idempotency_key)?.(outcome),
);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const touch = matchMedia("(pointer: coarse)");
const talk = conversation();
let running = null;

function feedback(entry, hear) {
  const { feedback_type: type, shop_id: shop, interaction_id: interaction = talk.id } = entry;
  const key = `${type}-${interaction}-${shop}`;
  listeners.set(key, hear);
  queue.add({ user_id: me.id, ...entry, idempotency_key: key });
}

function ask(message) {
  if (running) return;
  for (const old of document.querySelectorAll(".next")) old.remove();
  const asked = put(message);
  const rest = touch.matches ? asked.parts.question : $("text");
  rest.focus({ preventScroll: true });
  asked.node.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  answer(asked);
}

function put(message) {
  const asked = turn(message, {
    ready: () => me.ready(),
    body: (text) => ({
      user_id: me.id,
      session_id: talk.id,
      message: text,
      context: place.context(),
    }),
    place,
    ask,
    feedback,
    again: () => answer(asked),
  });
  return asked;
}

async function answer(asked) {
  if (running) return;
  running = new AbortController();
  const mine = running;
  $("send").textContent = words.STOP;
  try {
    if ((await asked.run(mine.signal)) && running === mine) {
      talk.add(asked.message, asked.state.done);
      after(asked);
    }
  } finally {
    if (running === mine) {
      running = null;
      $("send").textContent = words.SEND;
    }
  }
}

function after({ parts, state }) {
  const { metadata, recommendations } = state.done;
  if (place.district && metadata.method.startsWith("hybrid") && metadata.place === null) {
    parts.after.append(make("p", "quiet", words.placeUnknown(place.district)));
  }
  if (recommendations.length && metadata.method !== "safety") {
    const list = make("ul", "chips next", "", ...chips(words.NEXT));
    if (metadata.place === null && !place.district) list.prepend(placeChip());
    list.setAttribute("aria-label", "이어서 물어보기");
    parts.after.append(list);
  }
}

function chips(texts) {
  return texts.map((text) => chip(text, () => ask(text)));
}

function placeChip() {
  return chip(words.PLACE.chip, () => $("open-place").click());
}

function chip(text, does) {
  const button = make("button", "chip", text);
  button.type = "button";
  button.addEventListener("click", does);
  return make("li", "", "", button);
}

function stop() {
  running?.abort();
  running = null;
  $("send").textContent = words.SEND;
}

function startOver() {
  stop();
  talk.startOver();
  for (const old of document.querySelectorAll("#talk > .turn:not(#welcome)")) old.remove();
  $("live").replaceChildren();
  $("talk").scrollTop = 0;
  $("text").value = "";
  grow();
  $("text").focus();
}

function grow() {
  const box = $("text");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + 2}px`;
}

function send() {
  const message = $("text").value.trim();
  if (running) return stop();
  if (!message) return $("text").focus();
  $("text").value = "";
  grow();
  ask(message);
}

function consentShown() {
  $("ask").hidden = me.asked;
  $("consent").checked = me.consent === true;
}

async function agree(agreed, said) {
  try {
    await me.agree(agreed);
    said.textContent = agreed ? words.CONSENT.on : words.CONSENT.off;
  } catch {
    said.textContent = words.CONSENT.failed;
  }
  said.hidden = false;
  consentShown();
}

async function askConsent(agreed) {
  await agree(agreed, $("ask-done"));
  say($("ask-done").textContent);
  $("text").focus();
}

async function erase() {
  try {
    await me.erase();
  } catch {
    $("erase-said").textContent = words.NOT_ERASED;
    return;
  }
  queue.clear();
  place.clear();
  $("erase").close();
  $("settings").close();
  startOver();
  consentShown();
  $("ask-done").textContent = words.ERASED;
  $("ask-done").hidden = false;
  say(words.ERASED);
}

function settings() {
  $("phones").append(...phones());
  $("agree").addEventListener("click", () => askConsent(true));
  $("decline").addEventListener("click", () => askConsent(false));
  $("consent").addEventListener("change", () => agree($("consent").checked, $("consent-said")));
  $("open-settings").addEventListener("click", () => {
    $("consent-said").textContent = "";
    $("settings").showModal();
  });
  $("open-erase").addEventListener("click", () => {
    $("erase-said").textContent = "";
    $("erase").showModal();
  });
  $("erase-now").addEventListener("click", erase);
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}

function composer() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  $("text").addEventListener("input", grow);
  $("text").addEventListener("keydown", (event) => {
    // A syllable that is still being put together is finished by Enter, not sent by it; 229 is Safari's way to say so.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!running) send();
  });
}

function network() {
  const show = () => {
    $("net").hidden = navigator.onLine;
    if (!navigator.onLine) say($("net").textContent);
    else queue.flush();
  };
  addEventListener("offline", show);
  addEventListener("online", show);
  $("net").hidden = navigator.onLine;
  queue.flush();
}

function goOn() {
  let last = null;
  for (const { message, done } of talk.turns) {
    last = put(message);
    last.restore(done);
  }
  if (last === null) return;
  after(last);
  last.node.scrollIntoView({ block: "start" });
}

$("ideas").append(...chips(words.IDEAS));
$("fresh").addEventListener("click", startOver);
composer();
settings();
network();
goOn();
me.load()
  .catch(() => null)
  .finally(consentShown);
