/* Experiments: arms, the interval over time with zero and what was decided, the verdict and its reasons, and what may be done. */

import { $, ago, count, el, keyed, mark, percent, pill, row, say, seconds, signed, span, when } from "./ops-dom.js";
import { askFor, call, show, who } from "./ops-act.js";
import { band } from "./ops-draw.js";

const LAYERS = { adapter: "말투 모델", ranker: "순위 모델", retriever: "찾기", prompt: "글쓰기 방식" };
const STATES = { running: ["진행 중", "ok"], paused: ["일시 정지", "warn"], promoting: ["승격하는 중", "ok"], rolling_back: ["되돌리는 중", "bad"], promoted: ["승격됨", "ok"], rolled_back: ["되돌려짐", "bad"], aborted: ["중단됨", ""], inconclusive: ["결론 없음", ""] };
const WHATS = { start: "시작", weight: "비율", step: "단계", pause: "정지", resume: "재개", promote: "승격", roll_back: "되돌림", abort: "중단", expire: "결론 없음" };
const LINES = { ...WHATS, hold: "지켜봄", done: "다 옮김" };
const DECIDES = new Set(["promote", "roll_back", "abort", "expire"]);
const METRICS = { ctr: { name: "클릭률", scale: 100, unit: "%p" }, satisfaction: { name: "만족도", scale: 1, unit: "점" }, order_rate: { name: "주문률", scale: 100, unit: "%p" } };
const ACTS = {
  running: ["weight", "pause", "promote", "rollback", "abort"], paused: ["resume", "promote", "rollback", "abort"],
  promoting: ["rollback"], promoted: ["rollback"],
};
const ACTIONS = {
  weight: { name: "비율 바꾸기", said: "비율을 바꿨어요." },
  pause: { name: "일시 정지", text: "모든 이용자가 지금 쓰는 버전으로 답을 받아요. 다시 시작할 수 있어요.", said: "멈췄어요." },
  resume: { name: "다시 시작", text: "멈추기 전 비율로 이어서 해요.", said: "다시 시작했어요." },
  promote: { name: "승격", text: "도전자가 모든 이용자에게 답해요.", danger: true, said: "승격했어요." },
  rollback: { name: "되돌리기", text: "도전자를 거두고, 앞으로 쓰지 못하게 해요. 2초 안에 모든 복제본에 닿아요.", danger: true, said: "되돌렸어요." },
  abort: { name: "중단", text: "결론 없이 끝내요. 도전자는 나중에 다시 시험할 수 있어요.", danger: true, said: "중단했어요." },
};
const GUARDS = { errors: "오류", unsafe: "안전 차단", "slow answers": "느린 답" };
const shown = new Map();

export const layer = name => LAYERS[name] || name;

export function experiments(value) {
  $("experiment-none").hidden = value.experiments.length > 0;
  keyed($("experiment-list"), value.experiments, e => e.id, make, update);
}

/* Draws the plots again where the room has changed. */
export function redraw() { for (const card of shown.values()) plot(card); }

function make(experiment) {
  const card = el("article", { class: "experiment", "aria-label": `실험 ${experiment.id}` });
  const parts = { card, id: experiment.id, metric: experiment.layer === "adapter" ? "satisfaction" : "ctr", looks: [], history: [], seen: "" };
  parts.state = el("span");
  parts.title = el("h3");
  parts.weight = el("strong");
  parts.about = el("small");
  parts.buttons = el("div", { class: "buttons" });
  parts.rest = el("div");
  parts.steps = el("ol", { class: "steps", "aria-label": "단계" });
  parts.note = el("p");
  parts.reasons = el("ul");
  parts.checks = el("ul", { class: "checks" });
  parts.verdict = el("div", { class: "verdict" }, parts.note, parts.checks, el("details", {}, el("summary", { text: "제어기가 적은 근거 (영어)" }), parts.reasons));
  parts.guards = el("p", { class: "guards" });
  parts.arms = el("tbody");
  parts.looked = el("small");
  parts.tabs = el("div", { class: "tabs", role: "group", "aria-label": "지표" }, ...Object.entries(METRICS).map(([metric, { name }]) =>
    el("button", { class: "small", type: "button", text: name, "data-metric": metric, on: { click: () => { parts.metric = metric; plot(parts); } } })));
  parts.svg = chart();
  parts.reading = el("p", { class: "soft" });
  const table = el("div", { class: "scroll" }, el("table", {}, el("caption", { text: "두 쪽의 결과" }), el("thead", {}, el("tr", {}, el("th", { scope: "col", text: "지표" }), el("th", { scope: "col", class: "n", text: "지금 버전" }), el("th", { scope: "col", class: "n", text: "도전자" }))), parts.arms), parts.guards, parts.looked);
  parts.rest.append(parts.steps, parts.verdict, el("div", { class: "body" }, table, el("figure", {}, parts.tabs, parts.svg, parts.reading)));
  card.append(el("div", { class: "head" }, parts.state, parts.title, parts.weight, parts.about, parts.buttons), parts.rest);
  card.parts = parts;
  shown.set(experiment.id, parts);
  return card;
}

function update(card, experiment) {
  const parts = card.parts, [name, kind] = STATES[experiment.state] || [experiment.state, ""];
  parts.experiment = experiment;
  mark(card, "class", experiment.open ? "experiment" : "experiment closed");
  parts.rest.hidden = !experiment.open;
  say(parts.state, name);
  mark(parts.state, "class", `pill ${kind}`);
  say(parts.title, `${layer(experiment.layer)}: ${experiment.candidate}`);
  say(parts.weight, experiment.open ? percent(experiment.weight, 0) : "");
  say(parts.about, experiment.open ? `지금 ${experiment.stable} · ${ago(experiment.created_at)} ${experiment.who} 시작` : `${when(experiment.created_at)} 시작 · ${experiment.why}`);
  keyed(parts.buttons, [...(ACTS[experiment.state] || []), "history"], id => id, id => button(parts, id), () => {});
  if (experiment.open) details(parts, experiment);
}

function button(parts, id) {
  if (id === "history") return el("button", { class: "small", type: "button", text: "자세히", on: { click: () => detail(parts.experiment) } });
  const action = ACTIONS[id];
  return el("button", { class: action.danger ? "small danger" : "small", type: "button", text: action.name, on: { click: () => act(parts.experiment, id) } });
}

function act(experiment, id) {
  const action = ACTIONS[id], title = `${layer(experiment.layer)} 실험 ${action.name}`;
  const fields = id === "weight" ? [{ id: "ask-share", label: "도전자에게 줄 이용자 비율 (%)", type: "number", min: 1, max: 100, step: 1, value: Math.round(experiment.weight * 100) }] : [];
  askFor({
    title, fields, danger: action.danger, typed: action.danger ? experiment.layer : undefined, yes: action.name,
    text: `${experiment.candidate}\n${action.text || `지금 ${percent(experiment.weight, 0)}예요. 늘리면 이미 도전자를 보던 이용자는 그대로 있어요.`}`,
    run: async ({ why, share }) => {
      const weight = id === "weight" ? { weight: Number(share) / 100 } : {};
      const after = await call("POST", `/admin/experiments/${encodeURIComponent(experiment.id)}`, { action: id, ...weight, why, ...who() });
      return `${action.said} 지금: ${(STATES[after.state] || [after.state])[0]}, ${percent(after.weight, 0)}`;
    },
  });
}

function details(parts, experiment) {
  keyed(parts.steps, experiment.steps.map((step, index) => ({ ...step, index })), s => s.index, () => el("li"), (node, step) => {
    mark(node, "class", step.index < experiment.step ? "done" : "");
    mark(node, "aria-current", step.index === experiment.step ? "step" : false);
    say(node, `${step.index + 1}. ${percent(step.weight, 0)} · ${span(step.least_s)} · ${count(step.least_users)}명${step.index === experiment.step ? ` (${ago(experiment.step_since)}부터)` : ""}`);
  });
  const look = experiment.look;
  mark(parts.verdict, "class", `verdict ${look ? look.verdict.action : ""}`);
  say(parts.note, look ? look.verdict.note : "제어기가 아직 보지 않았어요. 처음 본 뒤에 결과가 나와요.");
  keyed(parts.reasons, (look ? look.verdict.reasons : []).map((text, index) => ({ text, index })), r => r.index, () => el("li", { lang: "en" }), (node, reason) => say(node, reason.text));
  keyed(parts.checks, look ? checks(experiment, look) : [], c => c.name, () => el("li"), (node, c) => {
    mark(node, "class", c.done ? "done" : "");
    say(node, `${c.name}: ${c.text}`);
  });
  arms(parts, look);
  keyed(parts.guards, look ? look.guardrails : [], g => g.name, () => el("span"), (node, g) => {
    mark(node, "class", `pill ${g.breached ? "bad" : g.events / Math.max(1, g.units) > g.limit ? "warn" : "ok"}`);
    say(node, `${GUARDS[g.name] || g.name} ${percent(g.share)} / 한도 ${percent(g.limit)}`);
  });
  say(parts.looked, look ? `제어기가 ${ago(look.at)}에 봤어요` : "");
  const seen = `${look ? look.at : ""} ${experiment.state} ${experiment.weight} ${experiment.periods.length}`;
  if (seen !== parts.seen) { parts.seen = seen; load(parts); }
}

/* What the next step or a promotion still needs, in the operator's language, out of the figures of the last look. */
function checks(experiment, look) {
  const step = experiment.steps[Math.min(experiment.step, experiment.steps.length - 1)], metric = experiment.layer === "adapter" ? "satisfaction" : "ctr";
  const inStep = (new Date(look.at) - new Date(experiment.step_since)) / 1000, users = look.arms.candidate.users, d = look.differences[metric];
  const name = METRICS[metric].name, gain = d?.relative ? `${signed(d.relative.estimate * 100)} %` : "–";
  const sure = d && (d.absolute.low > 0 || d.absolute.high < 0);
  return [
    { name: "단계 시간", done: inStep >= step.least_s, text: inStep >= step.least_s ? `${span(step.least_s)} 채움` : `${span(step.least_s - inStep)} 더 필요 (적어도 ${span(step.least_s)})` },
    { name: "도전자 이용자", done: users >= step.least_users, text: `${count(users)} / ${count(step.least_users)}명, 결과를 기다리는 이용자 ${count(look.waiting)}명` },
    { name: "우연이 아닌 차이", done: Boolean(sure), text: d ? `${name} ${gain}, ${sure ? (d.absolute.low > 0 ? "도전자가 나음" : "도전자가 못함") : "구간이 0을 품고 있어 아직 모름"}` : "아직 비교할 결과가 없음" },
    { name: "미리 잰 향상", done: experiment.offline_gain > 0, text: experiment.offline_gain === null ? "재지 않음 — 저절로 승격되지 않음" : `${signed(experiment.offline_gain * 100)} %` },
    { name: "한도", done: !look.guardrails.some(g => g.breached), text: look.guardrails.some(g => g.breached) ? "넘음" : "지킴" },
  ];
}

function arms(parts, look) {
  if (!look) { keyed(parts.arms, [], r => r, null, null); return; }
  const { stable, candidate } = look.arms, pair = (name, of) => ({ name, stable: of(stable), candidate: of(candidate) });
  const lines = [
    pair("결과를 아는 이용자", a => count(a.users)), pair("답", a => count(a.answers)),
    pair("클릭률", a => percent(a.ctr)), pair("만족도", a => a.satisfaction === null ? "–" : `${a.satisfaction.toFixed(2)}점 (${count(a.raters)}명)`),
    pair("주문률", a => percent(a.order_rate)), pair("오류율", a => percent(a.error_rate, 2)), pair("안전 차단", a => percent(a.unsafe_rate, 2)),
    pair("답변 시간 중앙값 / 느린 5 %", a => `${seconds(a.latency_p50_s)} / ${seconds(a.latency_p95_s)}`),
  ];
  keyed(parts.arms, lines, l => l.name, () => row("name", "stable:n", "candidate:n"), (tr, line) => {
    for (const cell of ["name", "stable", "candidate"]) say(tr.cells_[cell], line[cell]);
  });
}

async function load(parts) {
  try {
    const series = await call("GET", `/admin/experiments/${encodeURIComponent(parts.id)}/looks?limit=300`);
    parts.looks = series.looks;
    parts.history = series.history;
    plot(parts);
  } catch {
    parts.seen = "";  // asked again at the next snapshot
  }
}

function plot(parts) {
  for (const tab of parts.tabs.children) mark(tab, "aria-pressed", String(tab.dataset.metric === parts.metric));
  if (!parts.rest.hidden) say(parts.reading, draw(parts.svg, parts, parts.metric));
}

/* Draws the interval of a metric with what was done, and returns it in words. */
function draw(svg, { looks, history }, metric) {
  const { scale, unit, name } = METRICS[metric];
  const points = looks.filter(l => l.bands[metric]).map(l => {
    const [estimate, low, high, users] = l.bands[metric];
    return { t: new Date(l.at) / 1000, estimate: estimate * scale, low: low * scale, high: high * scale, users };
  });
  const marks = history.filter(h => WHATS[h.what]).map(h => ({
    t: new Date(h.at) / 1000, decision: DECIDES.has(h.what),
    text: DECIDES.has(h.what) || h.what === "pause" ? WHATS[h.what] : percent(h.weight, 0),
  }));
  band(svg, points, marks, { label: v => v === 0 ? "0" : `${signed(v, Number.isInteger(v) ? 0 : 1)}${unit}` });
  const last = points[points.length - 1];
  const told = last ? `${name} 차이(도전자 − 지금) ${signed(last.estimate, 2)}${unit}, 구간 ${signed(last.low, 2)} ~ ${signed(last.high, 2)}${unit}, ${count(last.users)}명. ${last.low > 0 ? "도전자가 더 나아요." : last.high < 0 ? "도전자가 더 못해요." : "구간이 0을 품고 있어 아직 몰라요."}` : `${name}: 아직 비교할 결과가 없어요.`;
  mark(svg, "aria-label", told);
  return told;
}

function detail(experiment) {
  show(`실험 ${experiment.id}`, async () => {
    const series = await call("GET", `/admin/experiments/${encodeURIComponent(experiment.id)}/looks?limit=600`);
    const body = el("tbody");
    for (const h of [...series.history].reverse()) {
      const line = row("at:when", "what", "weight:n", "who:clip", "why:long");
      say(line.cells_.at, when(h.at));
      say(line.cells_.what, LINES[h.what] || h.what);
      say(line.cells_.weight, percent(h.weight, 0));
      say(line.cells_.who, h.who);
      say(line.cells_.why, h.why);
      body.append(line);
    }
    const state = el("span"), svg = chart(), reading = el("p", { class: "soft" });
    pill(state, ...(STATES[experiment.state] || [experiment.state, ""]));
    const gain = experiment.offline_gain === null ? "재지 않음" : `${signed(experiment.offline_gain * 100)} %`;
    requestAnimationFrame(() => say(reading, draw(svg, series, experiment.layer === "adapter" ? "satisfaction" : "ctr")));
    return [
      el("p", {}, state, ` ${layer(experiment.layer)} · ${experiment.stable} → ${experiment.candidate} · 미리 잰 향상 ${gain}`),
      el("p", { text: experiment.open ? "" : `끝난 까닭: ${experiment.why}` }),
      el("p", { class: "soft", text: experiment.look ? `제어기가 마지막으로 본 때(${when(experiment.look.at)}) — ${experiment.look.verdict.note}` : "제어기가 보지 않았어요." }),
      svg, reading,
      el("div", { class: "scroll" }, el("table", {}, el("caption", { text: "있었던 일" }), el("thead", {}, el("tr", {}, ...["시각", "무엇", "비율", "누가", "까닭"].map(text => el("th", { scope: "col", text })))), body)),
    ];
  });
}

function chart() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "chart tall");
  svg.setAttribute("role", "img");
  return svg;
}
