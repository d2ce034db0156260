/* Elements, lists that are patched in place, and numbers as a Korean operator reads them. Text is always text, never markup. */

export const $ = id => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

/* Sets text only where it differs, so that a reader's cursor and selection stay. */
export function say(node, value) {
  const text = value === null || value === undefined ? "" : String(value);
  if (node.textContent !== text) node.textContent = text;
  return node;
}

export function mark(node, name, value) {
  if (value === false || value === null || value === undefined) { if (node.hasAttribute(name)) node.removeAttribute(name); return; }
  const text = value === true ? "" : String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

/* Keeps one child of `parent` for each item, by key and in order: what is focused stays where it is. */
export function keyed(parent, items, keyOf, make, update) {
  const held = parent.kept || (parent.kept = new Map());
  const wanted = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    wanted.add(key);
    let node = held.get(key);
    if (!node) { node = make(item); held.set(key, node); }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    update(node, item);
  }
  for (const [key, node] of held) if (!wanted.has(key)) { node.remove(); held.delete(key); }
  const empty = document.querySelector(`[data-empty="${parent.id}"]`);
  if (empty) empty.hidden = items.length > 0;
}

/* A row whose cells are found by name; the first is its heading. */
export function row(...names) {
  const node = el("tr");
  node.cells_ = {};
  names.forEach((name, index) => {
    const [plain, kind] = name.split(":");
    const cell = el(index ? "td" : "th", index ? { class: kind } : { scope: "row", class: kind });
    node.cells_[plain] = cell;
    node.append(cell);
  });
  return node;
}

/* A text with a smaller one below, patched in place. */
export function two(cell, text, below) {
  if (!cell.first) { cell.first = el("span"); cell.second = el("small"); cell.replaceChildren(cell.first, cell.second); }
  say(cell.first, text);
  say(cell.second, below);
}

export function pill(cell, text, kind, below) {
  if (!cell.pill) { cell.pill = el("span"); cell.below = el("small"); cell.replaceChildren(cell.pill, cell.below); }
  say(cell.pill, text);
  mark(cell.pill, "class", `pill ${kind || ""}`.trim());
  say(cell.below, below);
}

const none = "–";
const decimal = (value, digits) => value.toLocaleString("ko-KR", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const missing = value => value === null || value === undefined || Number.isNaN(value);

export const count = value => missing(value) ? none : Math.round(value).toLocaleString("ko-KR");
export const rate = value => missing(value) ? none : decimal(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
export const percent = (value, digits = 1) => missing(value) ? none : `${decimal(value * 100, digits)} %`;
export const signed = (value, digits = 1) => missing(value) ? none : `${value > 0 ? "+" : value < 0 ? "−" : ""}${decimal(Math.abs(value), digits)}`;
export const number = value => missing(value) ? none : Number.isInteger(value) ? count(value) : value.toLocaleString("ko-KR", { maximumFractionDigits: 4 });
export const seconds = value => missing(value) ? none : value >= 1 ? `${decimal(value, value >= 10 ? 1 : 2)}초` : value >= 0.01 ? `${decimal(value * 1000, 0)}ms` : `${decimal(value * 1000, 1)}ms`;

const dayAndTime = new Intl.DateTimeFormat("ko-KR", { timeZone: "Asia/Seoul", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
const justTime = new Intl.DateTimeFormat("ko-KR", { timeZone: "Asia/Seoul", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const shortTime = new Intl.DateTimeFormat("ko-KR", { timeZone: "Asia/Seoul", hour: "2-digit", minute: "2-digit", hour12: false });
export const when = text => text ? dayAndTime.format(new Date(text)) : none;
export const time = at => justTime.format(at);
export const minute = at => shortTime.format(at);

export function span(secs) {
  const s = Math.abs(secs);
  if (s < 60) return `${Math.round(s)}초`;
  if (s < 3600) return `${Math.round(s / 60)}분`;
  if (s < 86400) return `${decimal(s / 3600, s < 36000 ? 1 : 0)}시간`;
  return `${decimal(s / 86400, 1)}일`;
}

export function ago(text, now = Date.now()) {
  if (!text) return none;
  const secs = (now - new Date(text)) / 1000;
  return secs >= 0 ? `${span(secs)} 전` : `${span(secs)} 뒤`;
}
