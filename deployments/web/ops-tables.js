/* Tables of the board: deployments, stages, models, jobs, schedule, alerts, audit. Each is patched in place from a snapshot. */

import { $, ago, count, el, keyed, mark, number, pill, row, say, seconds, span, two, when } from "./ops-dom.js";
import { askFor, call, show, who } from "./ops-act.js";
import { layer } from "./ops-experiments.js";

const DEPLOYMENTS = { HEALTHY: ["건강함", "ok"], UPDATING: ["바꾸는 중", "warn"], UPSCALING: ["늘리는 중", "warn"], DOWNSCALING: ["줄이는 중", "warn"], UNHEALTHY: ["아픔", "bad"], DEPLOY_FAILED: ["배포 실패", "bad"] };
const REPLICAS = { RUNNING: "동작", STARTING: "시작", UPDATING: "갱신", STOPPING: "종료", RECOVERING: "복구", PENDING_MIGRATION: "이동" };
const STAGES = { receive: "접수", orchestrate: "조율", preprocess: "다듬기", understand: "이해", candidates: "후보 찾기", rank: "순위", write: "글쓰기", respond: "응답" };
const MODELS = { nlg: "말투 (adapter)", ranker: "순위 (ranker)", nlu: "이해 (nlu)", index: "찾기 (index)" };
const LAYER_OF = { nlg: "adapter", ranker: "ranker" };
const JOBS = { queued: ["대기", ""], starting: ["시작", "warn"], running: ["실행 중", "ok"], stopping: ["멈추는 중", "warn"], succeeded: ["성공", "ok"], failed: ["실패", "bad"], cancelled: ["취소", ""] };
const KINDS = { learn: "배우기", housekeeping: "정리", datasets: "자료 만들기", lora: "말투 학습", ranker: "순위 학습", nlu: "이해 학습", tune: "조율", foreign: "다른 작업" };
const RULES = { error_rate: "오류율", click_through: "클릭률", satisfaction: "만족도", input_drift: "묻는 내용", feature_drift: "모델 입력", log_unreadable: "기록 읽기" };
const OUTCOMES = { done: ["됨", "ok"], refused: ["거절", "warn"], failed: ["실패", "bad"], begun: ["끝을 모름", "bad"] };
const DONE = {
  "experiment.start": "실험 시작", "experiment.weight": "실험 비율", "experiment.promote": "실험 승격", "experiment.rollback": "실험 되돌리기", "experiment.abort": "실험 중단", "experiment.pause": "실험 일시 정지", "experiment.resume": "실험 다시 시작",
  "model.promote": "모델 바로 쓰기", "model.rollback": "모델 되돌리기", "schedule.pause": "일정 멈추기", "schedule.resume": "일정 다시 켜기", "schedule.run-now": "일정 지금 하기", "job.submit": "작업 내기", "job.cancel": "작업 취소", "alert.acknowledge": "알림 확인",
};
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

const button = (text, run, danger) => el("button", { class: danger ? "small danger" : "small", type: "button", text, on: { click: run } });

/* Buttons of a row, kept while they stay the same. */
function buttons(cell, wanted) {
  if (!cell.box) { cell.box = el("div", { class: "buttons" }); cell.append(cell.box); }
  keyed(cell.box, wanted, w => w[0], w => { const made = button(w[0], () => made.run(), w[2]); return made; }, (node, w) => { node.run = w[1]; });
}

export function deployments(value) {
  say($("serving-status"), value.status === "RUNNING" ? "" : `${value.status} ${value.message}`);
  keyed($("deployments"), value.deployments, d => d.name, () => row("name", "status", "replicas:n", "running:n", "waiting:n", "busiest:n"), (tr, d) => {
    const c = tr.cells_, states = Object.entries(d.states).map(([state, n]) => `${n} ${REPLICAS[state] || state}`).join(", ");
    say(c.name, d.name);
    pill(c.status, ...(DEPLOYMENTS[d.status] || [d.status, "warn"]), d.message);
    two(c.replicas, `${d.states.RUNNING || 0} / ${d.target}`, `${states || "없음"}${d.nodes > 1 ? ` · ${d.nodes}대` : ""}`);
    for (const name of ["running", "waiting", "busiest"]) say(c[name], count(d[name]));
  });
}

export function stages(found) {
  const known = Object.keys(STAGES).filter(stage => found[stage]).map(stage => ({ stage, ...found[stage] }));
  const most = Math.max(0.001, ...known.map(s => s.p95_s || 0));
  keyed($("stages"), known, s => s.stage, () => {
    const tr = row("name", "p50:n", "p95:n", "count:n", "bar:bar-cell");
    tr.meter = el("meter", { min: 0, max: 1, "aria-hidden": "true" });
    tr.cells_.bar.append(tr.meter);
    return tr;
  }, (tr, s) => {
    say(tr.cells_.name, STAGES[s.stage]);
    say(tr.cells_.p50, seconds(s.p50_s));
    say(tr.cells_.p95, seconds(s.p95_s));
    say(tr.cells_.count, count(s.count));
    tr.meter.value = (s.p95_s || 0) / most;
  });
}

export function models(value) {
  keyed($("model-rows"), Object.entries(value), ([name]) => name, () => row("name", "champion:version", "challenger:version", "metrics:clip", "acts"), (tr, [name, m]) => {
    const c = tr.cells_, of = version => m.versions.find(v => v.version === version), champion = of(m.champion), challenger = of(m.challenger);
    two(c.name, MODELS[name] || name, `${m.count}개 버전`);
    two(c.champion, m.champion || "–", champion ? when(champion.created_at) : "");
    two(c.challenger, m.challenger || "–", challenger ? `${when(challenger.created_at)}` : "");
    say(c.metrics, champion ? metrics(champion.metrics, 3) : "");
    const wanted = [["내력", () => history(name, m)]];
    if (m.challenger && LAYER_OF[name]) wanted.push(["실험 시작", () => start(name, m.challenger)]);
    if (m.challenger) wanted.push(["바로 쓰기", () => promote(name, m), true]);
    if (name !== "index" && m.count > 1) wanted.push(["되돌리기", () => rollback(name, m), true]);
    buttons(c.acts, wanted);
  });
}

const metrics = (found, limit = 99) => Object.entries(found).slice(0, limit).map(([name, value]) => `${name} ${number(value)}`).join(", ");

function start(name, version) {
  askFor({
    title: `${layer(LAYER_OF[name])} 실험 시작`, text: `${version}\n처음에는 적은 이용자에게만 줘요.`, yes: "시작",
    fields: [{ id: "ask-share", label: "처음 비율 (%)", type: "number", min: 1, max: 100, step: 1, value: 10 }],
    run: async ({ why, share }) => {
      const begun = await call("POST", "/admin/experiments", { layer: LAYER_OF[name], candidate: version, weight: Number(share) / 100, why, ...who() });
      return `실험 ${begun.id}을 시작했어요.`;
    },
  });
}

function promote(name, model) {
  askFor({
    title: `${MODELS[name] || name} 바로 쓰기`, danger: true, typed: name, yes: "바로 쓰기",
    text: `${model.challenger}\n실험 없이 모든 이용자에게 줘요. 도는 복제본이 몇 초 안에 따라와요.`,
    run: async ({ why }) => `이제 ${(await call("POST", `/admin/models/${encodeURIComponent(name)}`, { action: "promote", version: model.challenger, why, ...who() })).version}을 써요.`,
  });
}

/* Goes back to a version, or to the last good one before what serves. */
function rollback(name, model, version) {
  askFor({
    title: `${MODELS[name] || name} 되돌리기`, danger: true, typed: name, yes: "되돌리기",
    text: `지금 ${model.champion}을 쓰고 있어요. ${version ? `${version}을 다시 써요.` : "그 앞의 좋은 버전으로 돌아가요."}`,
    run: async ({ why }) => `이제 ${(await call("POST", `/admin/models/${encodeURIComponent(name)}`, { action: "rollback", ...(version ? { version } : {}), why, ...who() })).version}을 써요.`,
  });
}

function history(name, model) {
  show(`${MODELS[name] || name}의 내력`, async () => {
    const found = await call("GET", `/admin/models/${encodeURIComponent(name)}`);
    const acts = { adopt: "처음부터", promote: "승격", rollback: "되돌림" };
    const lines = [...found.history].reverse().map(e => [when(e.at), acts[e.act] || e.act, e.version, e.previous || "–", e.who, e.why, metrics(e.metrics)]);
    const served = new Set(found.history.map(e => e.version));
    const versions = model.versions.map(v => [v.version, when(v.created_at), v.refused || (v.removed ? "파일을 치움" : v.version === model.champion ? "쓰는 중" : v.version === model.challenger ? "도전자" : ""),
      served.has(v.version) && !v.refused && !v.removed && v.version !== model.champion ? button("이 버전으로 되돌리기", () => { $("sheet").close(); rollback(name, model, v.version); }, true) : "", metrics(v.metrics)]);
    return [plain("쓰인 차례", ["시각", "일", "버전", "앞의 것", "누가", "까닭", "지표"], lines), plain("최근 버전", ["버전", "만든 때", "상태", "", "지표"], versions)];
  });
}

function plain(caption, columns, lines) {
  return el("div", { class: "scroll" }, el("table", {}, el("caption", { text: caption }), el("thead", {}, el("tr", {}, ...columns.map(text => el("th", { scope: "col", text })))),
    el("tbody", {}, ...lines.map(line => el("tr", {}, ...line.map((text, i) => el("td", { class: i === line.length - 1 ? "clip" : "" }, text)))))));
}

export function jobs(value) {
  const c = value.controller, ill = Object.entries(c.parts || {}).filter(([, p]) => p.errors_in_row > 0).map(([name, p]) => `${name}: ${p.last_error}`);
  say($("controller"), c.alive ? ill.length ? `제어기 고장 — ${ill.join("; ")}` : "제어기 동작 중" : `제어기가 멈췄어요${c.at ? ` (${ago(c.at)} 마지막)` : ""} — naviyam up`);
  mark($("controller"), "class", !c.alive || ill.length ? "bad" : "");
  keyed($("job-rows"), value.jobs, j => j.id, () => row("id", "state", "attempt:n", "who", "at:when", "why:clip", "acts"), (tr, j) => {
    const cells = tr.cells_, [state, kind] = JOBS[j.state] || [j.state, ""];
    two(cells.id, KINDS[j.kind] || j.kind, j.id);
    pill(cells.state, state, kind, j.cancel && !ENDED.has(j.state) ? "취소를 기다려요" : j.error || "");
    say(cells.attempt, count(j.attempt));
    say(cells.who, j.who);
    two(cells.at, when(j.submitted_at), j.ended_at ? `${span((new Date(j.ended_at) - new Date(j.started_at || j.submitted_at)) / 1000)} 걸림` : j.started_at ? `${ago(j.started_at)} 시작` : "");
    say(cells.why, j.waits_for || j.reason);
    const wanted = [["기록", () => logs(j)]];
    if (!ENDED.has(j.state) && !j.cancel) wanted.push(["취소", () => cancel(j), true]);
    buttons(cells.acts, wanted);
  });
}

function logs(job) {
  show(`작업 ${job.id}의 기록`, async () => {
    const found = await call("GET", `/admin/jobs/${encodeURIComponent(job.id)}/logs?last=400`);
    return [el("pre", { tabindex: "0", text: found.log || "아직 아무 말도 하지 않았어요." })];
  });
}

function cancel(job) {
  askFor({
    title: "작업 취소", text: `${KINDS[job.kind] || job.kind} (${job.id})\n하던 일을 멈춰요. 다시 하려면 새로 내야 해요.`, danger: true, yes: "작업 취소",
    run: async ({ why }) => {
      const asked = new URLSearchParams({ why, ...who() });
      await call("DELETE", `/admin/jobs/${encodeURIComponent(job.id)}?${asked}`);
      return "취소해 달라고 했어요. 제어기가 멈춰요.";
    },
  });
}

export function schedule(value) {
  keyed($("schedule-rows"), Object.entries(value), ([kind]) => kind, () => row("kind", "state", "next:when", "today:n", "last:long", "acts"), (tr, [kind, s]) => {
    const c = tr.cells_, last = s.decisions[0];
    two(c.kind, KINDS[kind] || kind, `${s.cron} (${s.timezone})`);
    if (!s.enabled) pill(c.state, "꺼짐", "", "schedule.enabled");
    else if (s.asked_by) pill(c.state, "곧 시작", "ok", `${s.asked_by}`);
    else pill(c.state, s.paused ? "멈춤" : "켜짐", s.paused ? "warn" : "ok", s.paused);
    two(c.next, when(s.next_real_at), ago(s.next_real_at));
    say(c.today, `${s.ran_today} / ${s.max_a_day}`);
    two(c.last, last ? `${when(last.decided_at)} ${last.ran ? "시작함" : "건너뜀"}` : "–", last ? last.reason : "");
    const set = (action, name, text) => () => change(kind, action, name, text);
    buttons(c.acts, [
      s.paused ? ["다시 켜기", set("resume", "다시 켜기", "정한 시각에 다시 시작해요.")] : ["멈추기", set("pause", "멈추기", "정한 시각이 되어도 시작하지 않아요. 이미 도는 작업은 계속해요.")],
      ["지금 하기", set("run-now", "지금 하기", "제어기가 다음에 볼 때 시작해요. 하루에 할 수 있는 횟수는 지켜요.")],
    ]);
  });
}

function change(kind, action, name, text) {
  askFor({
    title: `${KINDS[kind] || kind} 일정 ${name}`, text, yes: name,
    run: async ({ why }) => { await call("POST", "/admin/schedule", { action, kind, why, ...who() }); return "일정을 바꿨어요."; },
  });
}

export function alerts(value) {
  const open = value.alerts.filter(a => !a.cleared_at), banner = $("banner");
  banner.hidden = !open.length;
  mark(banner, "class", open.some(a => a.level === "alarm") ? "banner" : "banner warn");
  keyed(banner, open, a => a.alert_id, () => el("p"), (node, a) => say(node, `${RULES[a.rule] || a.rule}: ${a.korean} (${when(a.raised_at)}부터${a.population === "simulated" ? ", 흉내 이용자" : ""})`));
  keyed($("alert-rows"), value.alerts, a => a.alert_id, () => row("level", "what", "meaning:long", "since:when", "acts"), (tr, a) => {
    const c = tr.cells_;
    pill(c.level, a.cleared_at ? "풀림" : a.level === "alarm" ? "경보" : "주의", a.cleared_at ? "" : a.level === "alarm" ? "bad" : "warn");
    two(c.what, `${RULES[a.rule] || a.rule}${a.population === "simulated" ? " (흉내 이용자)" : ""}`, a.statement);
    two(c.meaning, a.korean, a.first_look);
    two(c.since, when(a.raised_at), a.cleared_at ? `${when(a.cleared_at)} 풀림` : ago(a.raised_at));
    if (a.acknowledged_by) { buttons(c.acts, []); c.acts.box.textContent = `${a.acknowledged_by} 확인`; }
    else buttons(c.acts, a.cleared_at ? [] : [["확인했어요", () => acknowledge(a)]]);
  });
}

async function acknowledge(alert) {
  const by = who().who;
  askFor({
    title: "알림 확인", text: alert.korean, yes: "확인했어요",
    run: async () => { await call("POST", `/admin/alerts/${encodeURIComponent(alert.alert_id)}/acknowledge`, by ? { by } : {}); return "확인했다고 적었어요."; },
  });
}

export function audit(value) {
  keyed($("audit-rows"), value.entries, e => e.number, () => row("at:when", "who", "what:clip", "changed:clip", "why:clip", "outcome"), (tr, e) => {
    const c = tr.cells_;
    say(c.at, when(e.at));
    two(c.who, e.said_by || e.who, e.said_by ? e.who : "");
    two(c.what, DONE[e.what] || e.what, `${e.what} ${e.target}`);
    say(c.changed, changes(e.before, e.after));
    say(c.why, e.why);
    pill(c.outcome, ...(OUTCOMES[e.outcome] || [e.outcome, ""]), e.words);
  });
}

const told = value => typeof value === "number" ? number(value) : Array.isArray(value) ? value.join(" ") : String(value);

function changes(before, after) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b), blank = v => v === undefined || v === null || v === "" || (Array.isArray(v) && !v.length);
  return names.filter(n => !(blank(before[n]) && blank(after[n])) && !same(before[n], after[n]))
    .map(n => `${n} ${blank(before[n]) ? "없음" : told(before[n])}${n in after ? ` → ${blank(after[n]) ? "없음" : told(after[n])}` : ""}`).join(", ");
}

export function facts(figure, traffic) {
  const lines = [
    ...figure.versions.filter(v => v.version !== "none").map(v => [`${v.part} 버전`, `${v.version} (복제본 ${v.replicas})`]),
    ...(figure.pages.missing.length ? [["답하지 않은 지표 쪽", `${figure.pages.missing.join(", ")} (${figure.pages.read}쪽은 읽음)`]] : []),
    ...(traffic ? [["트래픽 표", `${traffic.revision}번${traffic.handed_over === traffic.revision ? "" : ` (복제본에는 ${traffic.handed_over}번)`}`]] : []),
    ...Object.entries(figure.degraded_per_s || {}).map(([reason, n]) => ["낮춘 까닭", `${reason} ${number(n)}/초`]),
  ];
  keyed($("facts"), lines.map((l, i) => ({ id: `${l[0]} ${i}`, name: l[0], value: l[1] })), l => l.id, () => { const div = el("div", {}, el("dt"), el("dd")); return div; }, (div, l) => { say(div.firstChild, l.name); say(div.lastChild, l.value); });
}


