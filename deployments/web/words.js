/** What the page says: easy 해요체, nothing that shames. Words only, no decisions. */

export const IDEAS = [
  "카드 되는 치킨집 추천해줘",
  "5천 원으로 뭐 먹을까?",
  "지금 열린 분식집 있어?",
  "가까운 착한가게 알려줘",
];
export const NEXT = ["더 싼 데는?", "더 가까운 데는?", "다른 곳도 보여줘"];

export const PHONES = [
  { number: "1388", name: "청소년 상담", about: "24시간 들어 줘요. 문자도 돼요." },
  { number: "112", name: "경찰", about: "지금 위험하면 전화해요." },
  { number: "109", name: "마음이 너무 힘들 때", about: "24시간 들어 줘요." },
];

export const WAITING = {
  sent: "무슨 말인지 보고 있어요…",
  understanding: "가게를 찾고 있어요…",
  recommendations: "설명을 쓰고 있어요…",
};

/** By what went wrong; `busy` and `often` say when to try again. */
export const TROUBLE = {
  busy: "지금 친구들이 많이 왔어요. 조금만 기다렸다가 다시 보내 줄래요?",
  often: "조금만 천천히 이야기해요. 잠깐 쉬었다가 다시 보내 줄래요?",
  long: "글이 너무 길어요. 짧게 줄여서 다시 보내 줄래요?",
  unclear: "그 말은 읽지 못했어요. 짧고 쉬운 말로 다시 보내 줄래요?",
  offline: "인터넷이 끊긴 것 같아요. 연결되면 다시 보내 줄래요?",
  cut: "이야기하다가 연결이 끊겼어요. 다시 보내 줄래요?",
  trouble: "지금은 답하기가 어려워요. 조금 뒤에 다시 보내 줄래요?",
};
export const STOPPED = "여기서 멈췄어요. 언제든 다시 물어봐요.";
export const AGAIN = "다시 보내기";
export const wait = (seconds) => `${seconds}초 뒤에 다시`;

export const OPEN = { true: "지금 열려 있어요", false: "지금은 닫혀 있어요", unknown: "여는 시간은 몰라요" };
export const CARD = { yes: "카드 돼요", no: "카드 안 돼요", unknown: "카드 되는지 물어봐요" };
export const GOOD_SHOP = "착한가게";
export const openUntil = (time) => `${time}까지 열려 있어요`;
export const walk = (minutes) => `걸어서 ${minutes}분`;
export const won = (amount) => `${amount.toLocaleString("ko-KR")}원`;
export const leftToPay = (amount) => `${won(amount)} 더 내요`;
export const found = (count) => `가게 ${["", "한", "두", "세"][count] ?? count} 곳을 찾았어요.`;
export const going = (name) => `${name} 갈래`;
export const NO_PRICE = "값은 몰라요";
export const NO_MENUS = "메뉴와 값은 아직 몰라요.";

export const STARS = ["별로예요", "조금 아쉬워요", "괜찮아요", "맛있어요", "최고예요"];
export const star = (score) => `별 ${score}개, ${STARS[score - 1]}`;

/** What is said quietly when a feedback went its way. */
export const FEEDBACK = {
  favorited: "찜했어요.",
  ordered: "맛있게 먹어요!",
  rated: "별점 고마워요!",
  waiting: "인터넷이 이어지면 적어 둘게요.",
  uncollected: "적어 두기가 꺼져 있어서 남기지 않았어요.",
  refused: "이 가게는 이제 목록에 없어서 적지 못했어요.",
};

export const CONSENT = {
  on: "고마워요! 설정에서 언제든 끌 수 있어요.",
  off: "알겠어요. 아무것도 적지 않을게요. 설정에서 켤 수 있어요.",
  failed: "지금은 바꾸지 못했어요. 조금 뒤에 다시 해 볼래요?",
};
export const ERASED = "모두 지웠어요.";
export const NOT_ERASED = "지금은 지우지 못했어요. 조금 뒤에 다시 해 볼래요?";

export const PLACE = {
  none: "어느 동네에서 먹을까요?",
  here: "지금 내 위치",
  pick: "고르기",
  chip: "동네 고르기",
  change: "바꾸기",
  looking: "위치를 알아보고 있어요…",
  ready: "내 위치에서 가까운 곳을 찾을게요.",
  denied: "위치를 쓸 수 없게 되어 있어요. 동네 이름을 적어 줄래요?",
  failed: "위치를 찾지 못했어요. 동네 이름을 적어 줄래요?",
  cleared: "지웠어요.",
};
export const placeUnknown = (name) => `아직 모르는 곳이에요: ${name}. 다른 이름으로 적어 볼래요?`;

export const DIRECTIONS = ["북쪽", "북동쪽", "동쪽", "남동쪽", "남쪽", "남서쪽", "서쪽", "북서쪽"];
export const NO_MAP = "지금은 그림을 그릴 수 없어요.";
export const SEND = "보내기";
export const STOP = "그만";
