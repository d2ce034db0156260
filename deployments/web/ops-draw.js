/* Charts as SVG: stacked areas, lines with gaps, an interval over time. Colours are the style sheet's. */

import { minute } from "./ops-dom.js";

const SPACE = "http://www.w3.org/2000/svg";
const EDGE = { left: 54, right: 12, top: 10, bottom: 22 };
const GAP_S = 45;

function put(parent, tag, attributes, text) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function frame(svg) {
  const width = Math.max(260, svg.clientWidth || 600), height = svg.clientHeight || 190;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  return { width, height, inner: width - EDGE.left - EDGE.right, tall: height - EDGE.top - EDGE.bottom };
}

/* Round numbers between two ends, about `wanted` of them. */
export function ticks(low, high, wanted = 4) {
  const raw = (high - low) / wanted || 1;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(m => m * unit).find(s => s >= raw - 1e-12);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return found;
}

function scales(size, from, to, low, high) {
  return {
    x: t => EDGE.left + size.inner * (t - from) / Math.max(1e-9, to - from),
    y: v => EDGE.top + size.tall * (1 - (v - low) / Math.max(1e-12, high - low)),
  };
}

function grid(svg, size, at, values, label, from, to, times) {
  for (const value of values) {
    put(svg, "line", { class: "grid", x1: EDGE.left, x2: size.width - EDGE.right, y1: at.y(value), y2: at.y(value) });
    put(svg, "text", { x: EDGE.left - 6, y: at.y(value) + 4, "text-anchor": "end" }, label(value));
  }
  for (const t of times) put(svg, "text", { x: at.x(t), y: size.height - 5, "text-anchor": t - from < (to - from) * .04 ? "start" : to - t < (to - from) * .04 ? "end" : "middle" }, minuteOrDay(t, to - from));
}

function minuteOrDay(t, spanS) {
  const at = new Date(t * 1000);
  return spanS > 3 * 86400 ? at.toLocaleDateString("ko-KR", { timeZone: "Asia/Seoul", month: "numeric", day: "numeric" }) : minute(at);
}

const path = points => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/* Runs of points without a hole between them. */
function runs(points, known) {
  const found = [];
  let run = [];
  for (const p of points) {
    if (!known(p) || (run.length && p.t - run[run.length - 1].t > GAP_S)) { if (run.length) found.push(run); run = []; }
    if (known(p)) run.push(p);
  }
  if (run.length) found.push(run);
  return found;
}

function timed(svg, points, shownS, top, label) {
  const size = frame(svg), to = points.length ? points[points.length - 1].t : 0, from = to - shownS;
  const steps = ticks(0, top);
  const high = Math.max(top, steps[steps.length - 1]);
  const at = scales(size, from, to, 0, high);
  const first = Math.ceil(from / 300) * 300;
  grid(svg, size, at, steps, label, from, to, [0, 1, 2, 3].map(i => first + i * 300).filter(t => t <= to));
  return { at, from, size };
}

export function stacked(svg, points, kinds, { shownS, label }) {
  const top = Math.max(0.5, ...points.map(p => kinds.reduce((sum, kind) => sum + p[kind], 0))) * 1.1;
  const { at, from } = timed(svg, points, shownS, top, label);
  for (const run of runs(points.filter(p => p.t >= from), () => true)) {
    let below = run.map(() => 0);
    for (const kind of kinds) {
      const above = run.map((p, i) => below[i] + p[kind]);
      const up = run.map((p, i) => [at.x(p.t), at.y(above[i])]), down = run.map((p, i) => [at.x(p.t), at.y(below[i])]).reverse();
      if (above.some((v, i) => v > below[i])) put(svg, "path", { class: `a-${kind}`, d: `${path(up)}${path(down).replace("M", "L")}Z` });
      below = above;
    }
  }
}

export function lines(svg, points, kinds, { shownS, label }) {
  const values = points.flatMap(p => kinds.map(kind => p[kind])).filter(v => v !== null && v !== undefined);
  const { at, from } = timed(svg, points, shownS, Math.max(0.1, ...values) * 1.1, label);
  for (const kind of kinds) {
    for (const run of runs(points.filter(p => p.t >= from), p => p[kind] !== null && p[kind] !== undefined)) {
      if (run.length === 1) put(svg, "circle", { class: "dot", cx: at.x(run[0].t), cy: at.y(run[0][kind]), r: 2 });
      else put(svg, "path", { class: `line l-${kind}`, d: path(run.map(p => [at.x(p.t), at.y(p[kind])])) });
    }
  }
}

/* The reading under the pointer, or the last one; arrow keys move it too. */
export function readable(svg, output, pointsOf, shownS, tell) {
  let back = null;
  const show = () => {
    const points = pointsOf();
    svg.querySelector(".cursor")?.remove();
    if (!points.length) { output.textContent = ""; return; }
    const to = points[points.length - 1].t;
    const wanted = back === null ? to : to - back;
    const found = points.reduce((best, p) => Math.abs(p.t - wanted) < Math.abs(best.t - wanted) ? p : best);
    output.textContent = tell(found);
    if (back === null) return;
    const box = svg.viewBox.baseVal, x = EDGE.left + (box.width - EDGE.left - EDGE.right) * (1 - (to - found.t) / shownS);
    put(svg, "line", { class: "cursor", x1: x, x2: x, y1: EDGE.top, y2: box.height - EDGE.bottom });
  };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), share = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    back = shownS * (1 - Math.min(1, Math.max(0, share)));
    show();
  });
  const leave = () => { back = null; show(); };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", event => {
    const step = { ArrowLeft: 15, ArrowRight: -15 }[event.key];
    if (!step) return;
    event.preventDefault();
    back = Math.min(shownS, Math.max(0, (back ?? 0) + step));
    show();
  });
  return show;
}

/* looks: [{t, low, high, estimate}], marks: [{t, text, decision}]. The first fifth of the looks, wide as a barn, does not set the height. */
export function band(svg, looks, marks, { label }) {
  const size = frame(svg);
  if (!looks.length) { put(svg, "text", { x: size.width / 2, y: size.height / 2, "text-anchor": "middle" }, "아직 비교할 결과가 없어요"); return; }
  const sure = looks.slice(Math.floor(looks.length / 5));
  const reach = Math.max(1e-6, ...sure.map(l => Math.max(Math.abs(l.low), Math.abs(l.high)))) * 1.15;
  const from = looks[0].t, to = Math.max(looks[looks.length - 1].t, from + 60, ...marks.map(m => m.t));
  const at = scales(size, from, to, -reach, reach);
  const between = v => Math.min(reach, Math.max(-reach, v));
  grid(svg, size, at, ticks(-reach, reach, 6), label, from, to, [0, 1, 2, 3, 4].map(i => from + i * (to - from) / 4));
  const up = looks.map(l => [at.x(l.t), at.y(between(l.high))]), down = looks.map(l => [at.x(l.t), at.y(between(l.low))]).reverse();
  put(svg, "path", { class: "a-band", d: `${path(up)}${path(down).replace("M", "L")}Z` });
  put(svg, "line", { class: "axis-zero", x1: EDGE.left, x2: size.width - EDGE.right, y1: at.y(0), y2: at.y(0) });
  put(svg, "path", { class: "line l-estimate", d: path(looks.map(l => [at.x(l.t), at.y(between(l.estimate))])) });
  const last = looks[looks.length - 1];
  put(svg, "circle", { class: "dot", cx: at.x(last.t), cy: at.y(between(last.estimate)), r: 3.5 });
  let edge = -Infinity, level = 0;
  for (const each of marks) {
    if (each.t < from) continue;
    const x = at.x(each.t), right = x > size.width - 90;
    put(svg, "line", { class: "mark", x1: x, x2: x, y1: EDGE.top, y2: size.height - EDGE.bottom });
    if (each.decision) put(svg, "circle", { class: "d-decision", cx: x, cy: at.y(between(last.estimate)), r: 5 });
    level = x - edge < 62 ? level + 1 : 0;
    edge = x;
    if (level > 3 && !each.decision) continue;
    put(svg, "text", { class: "mark-text", x: x + (right ? -4 : 4), y: EDGE.top + 9 + 14 * Math.min(level, 4), "text-anchor": right ? "end" : "start" }, each.text);
  }
}
