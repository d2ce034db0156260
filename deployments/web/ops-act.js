/* What an operator does: asked for with a reason, typed where it is dangerous, sent once, answered in words. */

import { $, el } from "./ops-dom.js";

let key = "", name = "";
export function identify(newKey, newName) { key = newKey; name = newName; }

export async function call(method, path, body) {
  const answer = await fetch(path, {
    method, cache: "no-store",
    headers: { Authorization: `Bearer ${key}`, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.detail || `서버가 ${answer.status}로 답했어요`);
  return found;
}

export const who = () => name ? { who: name } : {};

export function toast(text, bad) {
  const node = el("p", { class: bad ? "toast bad" : "toast", text });
  $("toasts").append(node);
  setTimeout(() => node.remove(), bad ? 12000 : 6000);
}

const ask = $("ask"), form = $("ask-form"), sheet = $("sheet");
let asked = null;

/* wanted: {title, text, danger, typed, fields: [{id, label, type, value, ...}], run(values) -> words}. */
export function askFor(wanted) {
  asked = wanted;
  $("ask-title").textContent = wanted.title;
  $("ask-text").textContent = wanted.text;
  $("ask-error").textContent = "";
  const fields = (wanted.fields || []).flatMap(field => labelled(field.label, { required: true, ...field }));
  fields.push(...labelled("까닭", { id: "ask-why", required: true, maxlength: 400, placeholder: "예: 답이 느려져서" }));
  if (wanted.typed) fields.push(...labelled(`확인을 위해 ‘${wanted.typed}’라고 적어 주세요`, { id: "ask-typed", required: true, autocapitalize: "off" }));
  $("ask-fields").replaceChildren(...fields);
  const yes = $("ask-yes");
  yes.textContent = wanted.yes || wanted.title;
  yes.className = wanted.danger ? "main danger" : "main";
  check();
  ask.showModal();
  $("ask-fields").querySelector("input").focus();
}

function labelled(text, attributes) {
  const input = el("input", { autocomplete: "off", ...attributes, label: undefined });
  return [el("label", { for: attributes.id, text }), input];
}

function check() {
  const inputs = [...$("ask-fields").querySelectorAll("input")];
  const typed = $("ask-typed");
  $("ask-yes").disabled = inputs.some(i => !i.value.trim() || !i.checkValidity()) || (typed !== null && typed.value.trim() !== asked.typed);
}

form.addEventListener("input", check);
form.addEventListener("submit", async event => {
  event.preventDefault();
  check();
  const yes = $("ask-yes");
  if (yes.disabled) return;
  const values = Object.fromEntries([...$("ask-fields").querySelectorAll("input")].map(i => [i.id.replace(/^ask-/, ""), i.value.trim()]));
  yes.disabled = true;
  $("ask-error").textContent = "";
  try {
    const words = await asked.run(values);
    ask.close();
    toast(words || "했어요.");
  } catch (error) {
    $("ask-error").textContent = error.name === "TypeError" ? "서버에 닿지 않아서 했는지 알 수 없어요. 다시 연결되면 기록을 확인하세요." : `하지 못했어요: ${error.message}`;
    yes.disabled = false;
  }
});
$("ask-no").addEventListener("click", () => ask.close());
$("sheet-close").addEventListener("click", () => sheet.close());

/* Shows something to read; `fill` returns its nodes. */
export async function show(title, fill) {
  $("sheet-title").textContent = title;
  $("sheet-body").replaceChildren(el("p", { class: "soft", text: "불러오는 중…" }));
  sheet.showModal();
  try {
    $("sheet-body").replaceChildren(...await fill());
  } catch (error) {
    $("sheet-body").replaceChildren(el("p", { class: "error", text: `불러오지 못했어요: ${error.message}` }));
  }
}
