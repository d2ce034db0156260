/** Small helpers to make and find elements. Owns no state; text goes in as text, never as HTML. */

export const $ = (id) => document.getElementById(id);

/** Return a new element with a class, a text and children. */
export function make(tag, className = "", text = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

/** Return a copy of a template's element, and its parts by their `data-part`. */
export function stamp(id) {
  const node = $(id).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of node.querySelectorAll("[data-part]")) parts[part.dataset.part] = part;
  return { node, parts };
}

const SVG = "http://www.w3.org/2000/svg";

/** Return an SVG element. */
export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Say a finished sentence to who listens instead of looks. */
export function say(sentence) {
  const text = sentence.trim();
  if (text) $("live").append(make("p", "", text));
}

/** Forget what was said, so that the next words are new ones. */
export function hush() {
  $("live").replaceChildren();
}
