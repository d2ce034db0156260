/* The operations page: the key, the stream of snapshots, and which part of a snapshot goes where. */

import { $, count, el, keyed, mark, number, percent, rate, say, seconds, time } from "./ops-dom.js";
import { identify } from "./ops-act.js";
import { lines, readable, stacked } from "./ops-draw.js";
import { experiments, redraw } from "./ops-experiments.js";
import { Stream } from "./ops-stream.js";
import { alerts, audit, deployments, facts, jobs, models, schedule, stages } from "./ops-tables.js";

const KEY = "naviyam-ops-key", NAME = "naviyam-ops-name";
const OUTCOMES = { timeout: "시간 초과", updating: "교체 중", unavailable: "부품 없음", internal: "내부 오류" };
const STATES = { off: "연결 안 됨", opening: "연결하는 중", live: "실시간", cut: "끊김" };
const KINDS = ["ok", "degraded", "error"];
let stream = null, points = [], shownS = 900, lastAt = null, traffic = null;

const readTraffic = readable($("traffic-chart"), $("traffic-read"), () => points, shownS, p => `${time(p.t * 1000)} 정상 ${rate(p.ok)} · 낮춘 답 ${rate(p.degraded)} · 오류 ${rate(p.error)}`);
const readLatency = readable($("latency-chart"), $("latency-read"), () => points, shownS, p => `${time(p.t * 1000)} 중앙값 ${seconds(p.p50)} · 느린 5 % ${seconds(p.p95)}`);

function charts() {
  stacked($("traffic-chart"), points, KINDS, { shownS, label: number });
  lines($("latency-chart"), points, ["p50", "p95"], { shownS, label: v => v === 0 ? "0" : v < 1 ? `${Math.round(v * 1000)}ms` : `${number(v)}초` });
  readTraffic();
  readLatency();
}

function add(point) {
  if (!point || (points.length && point.t <= points[points.length - 1].t)) return;
  points.push(point);
  while (points.length && points[0].t < point.t - shownS) points.shift();
}

function tiles(f) {
  const chat = f.latency?.chat || {}, refused = Object.entries(f.refused_per_s || {}), wait = f.gathering;
  const errors = Object.entries(f.outcomes_per_s || {}).filter(([o, n]) => !["ok", "degraded"].includes(o) && n > 0).map(([o, n]) => `${OUTCOMES[o] || o} ${rate(n)}/초`);
  const total = refused.reduce((sum, [, n]) => sum + n, 0);
  const found = [
    ["초당 요청", wait ? "…" : rate(f.requests_per_s), wait ? "모으는 중" : `${Object.entries(f.routes_per_s).filter(([, n]) => n > 0).map(([r, n]) => `${r === "chat" ? "대화" : r === "recommendations" ? "추천" : r} ${rate(n)}`).join(" · ")}`, ""],
    ["대화 답변 시간", wait ? "…" : seconds(chat.p50_s), wait ? "" : `느린 5 % ${seconds(chat.p95_s)}`, chat.p95_s > 8 ? "bad" : chat.p95_s > 3 ? "warn" : ""],
    ["오류율", wait ? "…" : percent(f.error_rate), errors.join(" · "), f.error_rate > .05 ? "bad" : f.error_rate > .01 ? "warn" : ""],
    ["낮춘 답", wait ? "…" : percent(f.degraded_rate), wait ? "" : "글쓰기 모델 없이 답한 것 등", f.degraded_rate > .2 ? "warn" : ""],
    ["거절", wait ? "…" : `${rate(total)}/초`, [...Object.entries(f.statuses_per_s || {}), ...refused].filter(([, n]) => n > 0).map(([what, n]) => `${what} ${rate(n)}`).join(" · "), total > 0 ? "warn" : ""],
    ["글쓰기 모델", f.llm && f.llm.active !== null ? `${count(f.llm.active)}개` : "–", f.llm && f.llm.active !== null ? `대기 ${count(f.llm.waiting)} · ${count(f.llm.tokens_per_s)}토큰/초` : "쓰지 않음", f.llm?.waiting > 0 ? "warn" : ""],
  ];
  keyed($("tiles"), found, t => t[0], () => el("div", {}, el("dt"), el("dd"), el("dd", { class: "more" })), (node, [name, value, more, kind]) => {
    mark(node, "class", `tile ${kind}`.trim());
    [name, value, more].forEach((text, i) => say(node.children[i], text));
  });
  say($("now-span"), wait ? "" : `최근 ${Math.round(f.span_s)}초, 모든 복제본`);
}

const PARTS = {
  figures: value => { tiles(value); add(value.point); charts(); stages(value.stages || {}); facts(value, traffic); },
  deployments, experiments, jobs, schedule, alerts, models, audit,
  traffic: value => {
    traffic = value;
    say($("traffic-table"), value.splits.length ? value.splits.map(s => `${s.layer} ${percent(s.weight, 0)}`).join(", ") : "모두 지금 버전");
  },
};

const NOTES = { deployments: ["deployments"], figures: ["stages"], models: ["model-rows"] };

function snapshot(found) {
  lastAt = new Date(found.at);
  for (const [name, part] of Object.entries(found.parts)) {
    const badge = document.querySelector(`[data-part="${name}"]`);
    if (badge) {
      say(badge, !part.stale ? "" : part.value ? `오래된 내용 (${time(new Date(part.at))}부터)` : "아직 알 수 없음");
      mark(badge, "title", part.stale ? part.error : false);
    }
    if (part.value) PARTS[name]?.(part.value);
    else for (const id of NOTES[name] || []) document.querySelector(`[data-empty="${id}"]`).hidden = !part.stale;
  }
}

/* The countdown is for the eye alone: a reader hears only that the connection is cut, or there again. */
function state(kind, why, next) {
  const node = $("state");
  mark(node, "data-state", kind);
  say(node, STATES[kind]);
  say($("countdown"), next || "");
  const cut = kind === "cut";
  $("again").hidden = !cut;
  $("cut").hidden = !cut || !lastAt;
  if (lastAt) say($("cut"), `연결이 끊겼어요${why ? ` (${why})` : ""}. 아래는 ${time(lastAt)}까지의 내용이에요.`);
  $("board").classList.toggle("stale", cut);
  if (!$("gate").hidden) say($("key-error"), cut ? `${why || "서버에 닿지 않아요"}. 잠시 뒤에 다시 해 볼게요.` : "");
}

function gate(message) {
  stream?.stop();
  stream = null;
  sessionStorage.removeItem(KEY);
  for (const id of ["board", "nav", "leave", "again"]) $(id).hidden = true;
  $("gate").hidden = false;
  $("key").value = "";
  say($("key-error"), message || "");
  $("name").value = sessionStorage.getItem(NAME) || "";
  $("key").focus();
}

function enter(key, name) {
  identify(key, name);
  stream?.stop();
  stream = new Stream("/admin/live", key, {
    state,
    event: (kind, data) => {
      if ($("board").hidden) {
        sessionStorage.setItem(KEY, key);
        sessionStorage.setItem(NAME, name);
        $("gate").hidden = true;
        for (const id of ["board", "nav", "leave"]) $(id).hidden = false;
        if (document.activeElement === document.body || $("gate").contains(document.activeElement)) $("main").focus({ preventScroll: true });
      }
      if (kind === "past" && data.figures) { points = data.figures.points; shownS = data.figures.shown_s; charts(); }
      if (kind === "snapshot") snapshot(data);
    },
    refused: status => {
      state("off");
      gate(status === 403 ? "이 열쇠는 운영자의 열쇠가 아니에요. 운영자 열쇠를 넣어 주세요." : "이 열쇠로는 들어갈 수 없어요. 빠진 글자가 없는지 보고 다시 넣어 주세요.");
    },
  });
  stream.start();
}

$("gate").addEventListener("submit", event => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!key) return;
  say($("key-error"), "");
  if (/[^\x21-\x7e]/.test(key)) { say($("key-error"), "열쇠는 영문과 숫자, 기호로만 되어 있어요. 한글 자판인지 확인해 주세요."); return; }
  enter(key, $("name").value.trim());
});
$("leave").addEventListener("click", () => { state("off"); gate("열쇠를 지웠어요."); });
$("again").addEventListener("click", () => stream?.now());
document.addEventListener("visibilitychange", () => {
  if (!stream) return;
  if (document.hidden) { stream.stop(); state("opening"); }
  else stream.start();
});
let resized = null;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { charts(); redraw(); }, 150); });
const tick = () => say($("clock"), `${time(Date.now())} KST`);
setInterval(tick, 1000);
tick();

const held = sessionStorage.getItem(KEY);
if (held) enter(held, sessionStorage.getItem(NAME) || "");
else gate();
