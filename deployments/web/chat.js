const $ = id => document.getElementById(id);
const talk = $("talk"), place = {};
const store = (key, make) => { let v = localStorage.getItem(key); if (!v) { v = make(); localStorage.setItem(key, v); } return v; };
const random = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(16).padStart(2, "0")).join("");
const user = store("naviyam-user", () => "web-" + random());
const session = "web-" + random();
$("district").value = localStorage.getItem("naviyam-district") || "";

function add(tag, parent, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}
function bubble(who, text) {
  const node = add("div", add("div", talk, "row " + who), "bubble", text);
  talk.scrollTop = talk.scrollHeight;
  return node;
}
function won(n) { return n.toLocaleString("ko-KR") + "원"; }
function shops(list, interaction) {
  if (!list.length) return;
  const box = add("div", talk, "shops");
  for (const s of list) {
    const card = add("div", box, "shop");
    add("b", card, "", s.rank + ". " + s.name);
    add("small", card, "", [s.category, s.address].filter(Boolean).join(" · "));
    if (s.menus.length) add("p", card, "", s.menus.map(m => m.name + " " + won(m.price_won)).join(", "));
    const tags = add("div", card, "tags");
    if (s.walk_minutes) add("span", tags, "", "걸어서 " + s.walk_minutes + "분");
    add("span", tags, "", s.open_now === true ? "지금 열림" : s.open_now === false ? "지금 닫힘" : "여는 시간 모름");
    add("span", tags, "", {yes: "카드 돼요", no: "카드 안 돼요", unknown: "카드 확인 필요"}[s.meal_card]);
    if (s.is_good_influence_shop) add("span", tags, "", "착한가게");
    const pick = add("button", card, "plain", "여기 갈래요");
    pick.type = "button";
    pick.onclick = () => {
      fetch("/feedback", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({
        user_id: user, shop_id: s.shop_id, feedback_type: "clicked", interaction_id: interaction(), idempotency_key: "click-" + interaction() + "-" + s.shop_id})});
      say(s.name + " 갈래");
    };
  }
}
async function say(message) {
  bubble("me", message);
  $("send").disabled = true;
  const answer = bubble("bot", "…");
  let said = "", done = null;
  const context = {...place};
  if ($("district").value.trim()) context.district = $("district").value.trim();
  localStorage.setItem("naviyam-district", $("district").value.trim());
  const handle = (name, data) => {
    if (name === "recommendations") shops(data.recommendations, () => done ? done.interaction_id : undefined);
    if (name === "delta") { said += data.text; answer.textContent = said; }
    if (name === "done") { done = data; answer.textContent = data.response; }
    if (name === "error") answer.textContent = said || data.detail;
    talk.scrollTop = talk.scrollHeight;
  };
  try {
    const response = await fetch("/chat", {method: "POST", headers: {"Content-Type": "application/json", "Accept": "text/event-stream"},
      body: JSON.stringify({user_id: user, session_id: session, message, context})});
    if (!response.ok) {
      answer.textContent = response.status === 503 ? "지금 친구들이 많이 와서 조금 기다려야 해요. 잠깐 뒤에 다시 말해 줘요!" : "그 말은 알아듣지 못했어요. 조금 짧게 다시 말해 줄래요?";
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "";;) {
      const {value, done: end} = await reader.read();
      if (end) break;
      rest += value;
      const frames = rest.split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const name = /^event: (.*)$/m.exec(frame), data = /^data: (.*)$/m.exec(frame);
        if (name && data) handle(name[1], JSON.parse(data[1]));
      }
    }
  } catch {
    answer.textContent = said || "연결이 끊겼어요. 다시 한번 보내 줄래요?";
  } finally {
    $("send").disabled = false;
    $("text").focus();
  }
}
$("form").onsubmit = event => {
  event.preventDefault();
  const message = $("text").value.trim();
  if (message && !$("send").disabled) { $("text").value = ""; say(message); }
};
$("here").onclick = () => navigator.geolocation && navigator.geolocation.getCurrentPosition(
  p => { place.latitude = p.coords.latitude; place.longitude = p.coords.longitude; $("here").textContent = "내 위치 ✓"; },
  () => { $("here").textContent = "위치 모름"; });
bubble("bot", "안녕하세요! 저는 밥집을 찾아 주는 나비얌이에요 😊 동네를 적고 먹고 싶은 걸 말해 주세요.");
const ideas = add("div", talk, "try");
for (const idea of ["급식카드 되는 치킨집 추천해줘", "5천원으로 뭐 먹을까?", "지금 열린 곳 있어?"]) {
  const button = add("button", ideas, "", idea);
  button.onclick = () => say(idea);
}
