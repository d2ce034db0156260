/** One shop as a card: what is known of it, and what a child may do with it. Owns no network but GET /shops/{id}. */

import { draw, make, say, stamp } from "./dom.js";
import { walkBar } from "./sketch.js";
import * as words from "./words.js";

const details = new Map();
let cards = 0;

/** Return what GET /shops/{id} says, null where it does not. */
export function shopDetails(id) {
  if (!details.has(id)) {
    const asked = fetch(`shops/${encodeURIComponent(id)}`)
      .then((response) => (response.ok ? response.json() : null))
      .catch(() => null);
    details.set(id, asked);
    asked.then((found) => found === null && details.delete(id));
  }
  return details.get(id);
}

/** Return a card. `does` are `go()` and `feedback(type, more)`; `hear(type, outcome)` tells it how a feedback went. */
export function card(shop, does) {
  const { node, parts } = stamp("card-template");
  const number = ++cards;
  parts.rank.textContent = `${shop.rank}.`;
  parts.name.textContent = shop.name;
  parts.kind.textContent = shop.category ?? "";
  parts.address.textContent = shop.address ?? "";
  parts.facts.append(...facts(shop));
  parts.menus.append(...shop.menus.map(menuLine));
  if (!shop.menus.length) parts.menus.append(make("li", "quiet", words.NO_MENUS));
  parts.reasons.append(...reasons(shop).map((reason) => make("li", "", reason)));
  if (shop.walk_minutes) {
    parts.walk.append(make("span", "", words.walk(shop.walk_minutes)), walkBar(shop.walk_minutes));
    parts.walk.hidden = false;
  }
  parts.more.id = `more-${number}`;
  parts.title.setAttribute("aria-controls", parts.more.id);
  opening(node, parts, shop, does);
  parts.go.addEventListener("click", does.go);
  pressing(parts.favorite, "favorited", does);
  pressing(parts.order, "ordered", does);
  rating(parts, number, does);
  return { node, hear: (type, outcome) => hear(parts, type, outcome) };
}

function facts(shop) {
  const open = String(shop.open_now ?? "unknown");
  const found = [
    make("span", `fact open-${open}`, words.OPEN[open]),
    make("span", `fact card-${shop.meal_card}`, words.CARD[shop.meal_card] ?? words.CARD.unknown),
  ];
  if (shop.is_good_influence_shop) found.push(make("span", "fact good", words.GOOD_SHOP));
  return found;
}

function menuLine(menu) {
  const price = menu.price_won ? words.won(menu.price_won) : words.NO_PRICE;
  const line = make("li", "", "", make("span", "dish", menu.name), make("span", "price", price));
  if (menu.over_limit_won) line.append(make("span", "over", words.leftToPay(menu.over_limit_won)));
  return line;
}

/** Leave out what the card already shows as a fact of its own. */
function reasons(shop) {
  const shown = /급식카드|열려 있어요|^착한가게예요|^걸어서/;
  return shop.reasons.filter((reason) => !shown.test(reason));
}

function opening(node, parts, shop, does) {
  let filled = false;
  const toggle = async () => {
    const open = parts.more.hidden;
    parts.more.hidden = !open;
    parts.title.setAttribute("aria-expanded", String(open));
    if (!open || filled) return;
    filled = true;
    does.feedback("clicked");
    const found = await shopDetails(shop.shop_id);
    if (shop.open_now && found?.open_until) {
      parts.facts.firstElementChild.textContent = words.openUntil(found.open_until);
    }
  };
  node.addEventListener("click", (event) => {
    const other = event.target.closest("button, input, label, fieldset, .more");
    if (!other || other === parts.title) toggle();
  });
}

function pressing(button, type, does) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-pressed") === "true") return;
    button.setAttribute("aria-pressed", "true");
    does.feedback(type);
  });
}

function rating(parts, number, does) {
  let score = 0;
  for (let each = 1; each <= words.STARS.length; each++) {
    const input = make("input");
    Object.assign(input, { type: "radio", name: `stars-${number}`, value: each });
    input.setAttribute("aria-label", words.star(each));
    input.addEventListener("change", () => {
      score = each;
      parts.rate.disabled = false;
      parts.legend.textContent = words.star(each);
    });
    const shape = draw("path", { d: "M12 2l3 6.5 7 .8-5.2 4.8 1.4 7L12 17.6l-6.2 3.5 1.4-7L2 9.3l7-.8z" });
    const picture = draw("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, shape);
    parts.five.append(make("label", "star", "", input, picture));
  }
  parts.rate.addEventListener("click", () => {
    parts.stars.disabled = true;
    does.feedback("rated", { satisfaction_score: score });
  });
}

/** Say quietly how it went; a click alone is not talked about. */
function hear(parts, type, outcome) {
  if (type === "clicked") return;
  const text = outcome === "kept" ? words.FEEDBACK[type] : words.FEEDBACK[outcome];
  if (parts.said.textContent === text) return;
  parts.said.textContent = text;
  say(text);
}
