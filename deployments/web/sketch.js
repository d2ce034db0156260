/** Drawings of how far and which way: no map, no tiles, nothing from outside. Pure, but for the elements it makes. */

import { draw, make } from "./dom.js";
import { DIRECTIONS, walk } from "./words.js";

const FAR_MINUTES = 20;
const BAR = 200;
const HALF = 130;
const RING = 96;

/** Return a bar that is full at twenty minutes on foot. */
export function walkBar(minutes) {
  const width = Math.max(6, Math.round((Math.min(minutes, FAR_MINUTES) / FAR_MINUTES) * BAR));
  return draw(
    "svg",
    { viewBox: `0 0 ${BAR} 8`, class: "bar", "aria-hidden": "true", preserveAspectRatio: "none" },
    draw("rect", { class: "way", width: BAR, height: 8, rx: 4 }),
    draw("rect", { class: "gone", width, height: 8, rx: 4 }),
  );
}

/** Return a sketch of shops around a point: `shops` are `{rank, name, latitude, longitude, walk_minutes}`. */
export function around(point, shops) {
  const placed = shops.map((shop) => ({ shop, ...offset(point, shop) }));
  const farthest = Math.max(...placed.map((each) => each.distance), 1);
  const scale = RING / farthest;
  const lines = placed.map(({ shop, angle }) => {
    const way = DIRECTIONS[Math.round(angle / 45) % 8];
    const minutes = shop.walk_minutes ? `, ${walk(shop.walk_minutes)}` : "";
    return `${shop.rank}. ${shop.name}: ${way}${minutes}`;
  });
  const picture = draw(
    "svg",
    { viewBox: `${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}`, class: "map", "aria-hidden": "true" },
    draw("circle", { class: "ring", r: RING }),
    draw("circle", { class: "ring", r: RING / 2 }),
    label("북", 0, -RING - 16, "north"),
    ...placed.map(({ east, north }) =>
      draw("line", { class: "path", x2: east * scale, y2: -north * scale }),
    ),
    draw("circle", { class: "here", r: 13 }),
    label("나", 0, 0, "me"),
    ...placed.flatMap(({ shop, east, north }) => [
      draw("circle", { class: "spot", cx: east * scale, cy: -north * scale, r: 14 }),
      label(String(shop.rank), east * scale, -north * scale, "number"),
    ]),
  );
  const list = make("ul", "ways", "", ...lines.map((line) => make("li", "", line)));
  return [picture, list];
}

function label(text, x, y, name) {
  const node = draw("text", { x, y, class: name, "text-anchor": "middle", dy: "0.35em" });
  node.textContent = text;
  return node;
}

/** Return metres east and north of a point, their length, and the angle from north, clockwise, in degrees. */
function offset(point, shop) {
  const metresPerDegree = 111_195;
  const north = (shop.latitude - point.latitude) * metresPerDegree;
  const narrow = Math.cos((point.latitude * Math.PI) / 180);
  const east = (shop.longitude - point.longitude) * metresPerDegree * narrow;
  const angle = ((Math.atan2(east, north) * 180) / Math.PI + 360) % 360;
  return { east, north, distance: Math.hypot(east, north), angle };
}
