"""What a message wants, decided from its findings by an ordered table. Pure; patterns live here.

Refuses to find entities (the finders do) and to use the conversation's filters (`resolve` does).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from naviyam.nlu.spans import Span
from naviyam.request import Intent

GREETING = re.compile(
    r"^(?:안녕|안뇽|안냥|안농|안녀|하염|할[룽롱로]|하이루|하이염|ㅎㅇ|하이|하잉|헬로|반가|방가|hi|hello|헤이(?![가-힣])|굿모닝|좋은\s?(?:아침|저녁|하루)|(?:오늘도\s?)?좋은\s?하루|나\s?왔|나\s?또\s?왔|나야|ㅂㅇ|나비얌|나비야|(?:야|얘|저기)\s?(?:있[냐니어]|자[냐니]|뭐\s?하[냐니])|저기요|여보세요|야호|처음\s?왔|오랜만(?:이|에\s?왔|$))|(?:잘\s?자|(?<![가-힣])(?:바이바이|바이|빠이|빠빠이)(?![가-힣])|잘\s?(?:있었어|있었니|지냈|있어)|굿나잇|안녕히|다음에\s?(?:봐|또)|또\s?올게|나중에\s?봐)|만나서\s?(?:반|방)가|처음\s?(?:뵙|봬)|^(?:거기\s?)?누구\s?(?:있|없)",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"고마[버번븐븝워웠웡우어]|고맙|[감캄][사샤]|땡[큐스]|떙큐|쌩유|쌩큐|복\s?받|땡큐|ㄳ|ㄱㅅ|ㄱㅁ|thank|잘\s?먹[을었겠]|맛있었어|맛있게\s?먹[었을]|덕분에|최고야|최고예요|(?:너|넌|나비얌|네가|니가)\s?(?:진짜\s?|완전\s?|정말\s?|좀\s?)?(?:짱|최고|굿|천재|멋지|멋있|착하|대단|센스)|완전\s?좋았|맛집?\s?인정|인정(?:한다|합니다|이다)?$|도움\s?(?:됐|되었|많이)|맛있었",
    re.IGNORECASE,
)
COMPLAINT = re.compile(
    r"똑바로\s?(?:좀\s?)?(?:해|추천|알려|대답|찾|말)|(?:딴|헛)\s?소리|동문서답|바가지|없어졌[어네다더]|내\s?말\s?(?:좀\s?)?(?:제대로\s?|잘\s?)?(?:들어|이해|알아)|제대로\s?(?:좀\s?)?(?:들어|알아\s?들)|이상한\s?(?:데|곳|거|것|가게)만?\s?(?:추천하|알려주[네냐잖]|나[와오]|뜨|보여주[네냐잖])|갔(?:더니|는데)\s[가-힣\s]{0,14}(?:없|닫|못\s?먹|안\s?[된되받])|맛\s?(?:이\s?)?(?:더럽게|드럽게|진짜|하나도|너무|개|1도|정말|완전)\s?없|돈\s?(?:날|버렸|아까)|(?:눈치|인상|짜증|화|면박)\s?(?:을\s?)?(?:줬|썼|냈|내던|쓰던|주던)|도움\s?(?:이\s?|1도\s?|하나도\s?|전혀\s?)*안|(?:틀린|잘못된|이상한|거짓|옛날|엉뚱한)\s?(?:정보|거|것|데|곳|가게|답|소리)만?|(?:없어|망|폐업|이사)[졌했갔]?[가-힣]{0,2}던데|뭐라(?:는\s?거|고\s?하는\s?거)|기분\s?(?:이\s?)?(?:나[빴쁘빠]|더러|상했)|표정[이]?\s?(?:안\s?좋|썩|굳|별로)|(?:이상하게|째려|뻔히|빤히)\s?(?:쳐다|봤|보던)|사람\s?(?:이\s?)?(?:너무\s?)?많아서\s?(?:그냥\s)?(?:못|나)|전화[도를]?\s?(?:왜\s?)?안\s?받|또\s?같은\s?(?:데|곳|거|집)|코딱지|쥐꼬리|못\s?알아[듣먹들]|안\s?맞[아네잖는]|(?:배달|음식|답|대답|주문)[이도은]?\s?(?:왜\s?)?(?:이렇게|이리|너무|진짜|왤케|왤케|엄청)?\s?(?:늦|안\s?[와오나]|느[려리린]|오래)|[왜웨]\s?(?:맨날|자꾸|계속|이렇게|또)?\s?(?:똑같|같은\s?(?:데|곳|거|것|집|가게))|[왤왜웰]\s?[케캐]\s?(?:늦|느[려리린]|안|맨날|자꾸|이상|별로|구|비싸|멀|없)|왤케|똑같은\s?(?:데|곳|거|것|집|가게)만\s?(?:추천|알려|나와|나오|보여)|[개존]구[려리린림]|(?<![가-힣])구[려리린림]|눈치\s?(?:줬|주[던더고시네]|준다|받았)|(?:다르|틀리|달랐)(?:잖|던데|더라|네|다고)|(?:맛없|짜|싱거|불친절|더러|비쌌|닫|별로)[가-힣]{0,3}(?:던데|더라|더라고|던디)|(?:너무|엄청|겁나|개)\s?(?:짜(?!장)|싱거|더러[웠워]|비쌌|시끄러웠)|무시\s?(?:했|당했|하던)|헛걸음|낚였|사기(?!\s?(?:전|싫))|속았|환불|맛\s?없었|맛이\s?없(?!는\s?(?:거|건|데))|맛없어|맛없네|노맛|불친절|문\s?(?:이\s?)?(?:닫[혔혀았]|닫아\s?(?:있|버|놨|놓))|닫혀\s?있|안\s?열[었려]|(?<!시에 )(?<!시에)(?<!시 )문\s?닫(?:음|힘)(?!\s?\?)|(?:사장|주인|직원|알바|아저씨|아줌마|이모님)(?:님|생|누나|형)?[이가은는도]?\s(?:[가-힣]{1,4}\s){0,2}(?:무섭게|화[를]?\s?[내냈]|소리[를]?\s?질|째려|짜증|욕|쌀쌀|무뚝뚝|틱틱)|폐업|없어[졌진]\s?(?:가게|식당|곳|데|대|던)|가게가?\s?없[던었어]|카드(?:가|는|로|도)?\s?안\s?(?:된다|됐|된대|받|되던|되더|돼[요서]?$|돼$|되잖|된다고)|가격이?\s?(?:다르|달라|틀)|(?:가격|정보|시간|주소)(?:이|가)?\s?(?:틀|잘못|이상|거짓|달라|다르)|이상한\s?(?:데|가게|곳)|추천이?\s?(?:이상|별로|구려|왜)|양이\s?(?:너무\s?)?적|비싸기만|쓸모\s?없|말을?\s?(?:못|안)\s?(?:알아|들)|도움이?\s?안|머리카락(?:이)?\s?나|벌레(?:가)?\s?나|배탈|위생"
)
GRUMBLE = re.compile(
    r"별로(?:였|더라|다|네|임|잖|야|예요|에요|인데$)|최악|실망|망했|거짓말|엉터리|왜\s?(?:자꾸|맨날|계속|이런|이거|이것|이렇게|안)|짜증|답답|느려|느리|오래\s?걸|아니\s?그게|틀렸"
)
"""A complaint only where the talk is of the service, a shop or food."""

_SERVICE = re.compile(
    r"배달|알려준|아저씨|아줌마|이모님|추천|가게|식당|음식|맛|거기|메뉴|카드|(?<![가-힣])(?:너|넌|니|네가|니가)(?:\s|$|는|가)|나비얌|앱|사장|직원|알려|(?<!답)답(?!답)|찾아|서비스|양이|가격"
)
REFINE = (
    ("cheaper", re.compile(r"(?:아까|방금|거기|이거|저거|그거|여기)보다\s?(?:더\s?)?(?:싼|싸|저렴)|더\s?싼|더\s?싸|덜\s?비싼|더\s?저렴|좀\s?(?:더\s?)?(?:싼|싸게|저렴)|쫌\s?(?:더\s?)?싼|조금\s?(?:더\s?)?(?:싼|싸|저렴)|너무\s?비싸|(?<!안\s)비싸(?:다|네|요|ㅠ|ㅜ|$|\s?다른)|비싼데(?=$|[^가-힣]*$)|가격\s?(?:좀\s?)?(?:낮|내려)|싼\s?(?:데|거|곳)(?:는|은)\s?\??$")),
    ("nearer", re.compile(r"(?:아까|방금|거기|여기|거긴)보다\s?(?:더\s?)?가까|거긴?\s?(?:는\s?)?(?:너무\s?)?(?:멀|머네)|더\s?가까|덜\s?먼|너무\s?멀|(?:좀|조금|쫌)\s?(?:더\s?)?가까운|멀어(?:요|$|\s)|멀다|먼데$|더\s?(?:근처|안\s?먼)|거리[를]?\s?(?:좀\s?|더\s?)?줄[여이]")),
    ("wish", re.compile(r"(?:그|이|저|여기|방금[가-힣\s]{0,6}|아까[가-힣\s]{0,6}|보여\s?준\s?(?:데|곳|거)|나온\s?(?:데|곳|거))\s?중(?:에서?|에선)?(?:는|은)?\s|(?:걸로|거로|것으로|데로|곳으로|쪽으로|으로|로)\s?(?:바꿔|바꾸|변경|다시\s?(?:찾|추천|보여|골라|알려|해))|(?:순|순서)(?:으로|대로)\s?(?:다시|보여|정렬|골라|알려|해\s?[줘주])")),
    ("elsewhere", re.compile(r"(?:둘\s?다|셋\s?다|다\s?좀|거긴|이건|그건|저긴|여긴|거기|저기|여기|그거|그것|그\s?집|그\s?가게|이거|이것|이\s?집|걔|그런\s?거|방금\s?거|아까\s?거|그\s?메뉴|그쪽|전부|다)\s?(?:는|은)?\s?(?:말고|말구|말곤|빼고|싫|별로(?!였|더라|던)|안\s?땡|패스|노노)|재탐색|(?:여기|거기|이\s?집|그\s?집)(?:는|은)?\s?(?:이미\s|벌써\s|어제\s)?가\s?봤|(?<!색)다른\s?(?:동네|쪽|지역|데|곳|거|것|가게|집|식당|걸|메뉴|음식|종류|건|추천|맛집|걸로)|딴\s?(?:데|거|곳|집|걸|건|가게|메뉴)|딴거|딴데|또\s?(?:없|다른|뭐|있|추천|어디|알려|보여)|더\s?(?:없|있어|보여|알려|추천)|다시\s?(?:추천|찾|골라|보여)|새로운\s?(?:데|거|곳)로|말고\s?또|바꿔|바꿀|바꾸|다음\s?(?:거|꺼|추천|집|가게)|아까\s?(?:그거|거기|그\s?집|본\s?(?:거|데))\s?말고|안\s?가\s?본|가\s?본\s?(?:데|곳)\s?말고|^[가-힣]{1,6}\s?말[고구]$|싫[어고은][가-힣]*\s(?:딴|다른)|말고\s?(?:또\s?)?(?:다른|딴)|그\s?외")),
    ("wish", re.compile(r"^(?:그럼|그러면|음|그렇다면|아니|그리고|근데|아)\s?.{1,14}(?:은|는|도)\s?\??$|^.{1,12}(?:은|는)\s?(?:없어|어때|어떄|있어|없나)?\s?\?*$|(?:으로|로)\s?(?:바꿔|다시|해\s?줘|보여|할래\?|줄여|올려)|(?:으로|로)(?:만|요)?[\s?!.]*$|^(?:더|덜|좀\s?더)\s?(?=[가-힣])|^그\s?중에|그중에|거기서\s?더|(?:만|도)\s?(?:보여|골라)")),
)  # fmt: skip
_NUMBER_WORDS = {"첫": 1, "일": 1, "두": 2, "둘": 2, "세": 3, "셋": 3, "네": 4, "넷": 4, "다섯": 5}
ORDINAL = re.compile(
    r"(?<![\d가-힣])(?:(?P<digit>[1-9]|10)\s?번(?:째)?(?!\s?(?:버스|출구|마을|국도|지하철|더\s|만\s|만에|이나|씩|정류|게이트|문제|채널|먹|갔|가\s?봤|시켰|추천|물어|말했))|(?P<word>첫|두|세|네|다섯)\s?번\s?째|(?P<short>첫|둘|셋|넷)째|(?P<sino>일)번(?=\s|$|으로|이)|(?P<last>마지막|맨\s?(?:아래|밑|끝)|제일\s?(?:아래|밑|끝))\s?(?:에|에\s?있는)?\s?(?:거|꺼|걸|집|곳|가게|데)(?![가-힣]*입)|(?P<top>[1일]빠|맨\s?(?:위|처음|앞)|제일\s?위|처음\s?(?:거|꺼|집|곳|가게))|(?P<middle>가운데\s?(?:거|꺼|집|가게)|중간\s?(?:거|꺼)))"
)
POINTING = re.compile(
    r"(?<![가-힣])(?:아까|방금|[좀쫌]\s?전에|조금\s?전에|위에|전에|처음에)\s?(?:말한|본|추천한|그|알려\s?준|나온|보여\s?준)?\s?(?:거기|그\s?(?:집|가게|곳|데|거|치킨집|식당|피자집|분식집|[가-힣]+집)|데|곳|집|가게|거|꺼)|(?<![가-힣])(?:거기|그기|그\s?집|그\s?가게|그\s?곳|그\s?식당|그\s?카페|이\s?식당|그걸|그거|여기(?!서\s?(?:제일|젤|가장|가까|먼|걸어|얼마|\d))|저기|이걸|이\s?집|이거)(?!\s?(?:근처|주변|부근|동네|쪽))(?=(?:로|으로|가|는|은|에서|에|를|을|까지|서|의|도)?(?:\s|$|[?!.,~]))"
)
CHOOSE = re.compile(
    r"정함|픽함|감(?:$|[ㅋㅎ!.])|갈랭|갈랭|가즈아|가보자|갈래|갈게|갈께|갈거|갈\s?거|가자|가볼|가\s?볼|간다|가야|갈까|할래|할게|할께|하자|고를|골랐|먹을래|먹을게|먹자|좋아|좋겠|좋을|좋네|맘에|마음에|선택|정했|결정|찜|픽|콜|ㄱㄱ|가고\s?싶|로\s?(?:가|해|줘)"
)
_NAMED_CARD = r"(?:급식\s?카드|급카|(?:꿈나무|밥|참사랑|아이\s?푸드|[가-힣A-Za-z]{0,4}드림|푸르미|컬러풀|아동|꿈자람)\s?카드)"
CARD_QUESTION = re.compile(
    rf"{_NAMED_CARD}로?[가-힣\s]{{0,8}}(?:시킬|살|쓸|낼|결제할|주문할|계산할|긁을)\s?수\s?있|{_NAMED_CARD}(?:를|을|로|는|도)?\s?(?:잃어|분실|신청|발급|재발급|충전|잔액|한도|쓰는\s?(?:데|곳|식당|가게|법)|받는|받아|되는|쓸|긁|먹히|결제|안\s?돼|안돼|되[나니냐요는]|돼|됨|가능|사용|비밀번호|유효|언제|몇|주말|편의점)|(?:급식\s?카드|급카|카드|꿈나무)[가-힣\s]{{0,12}}?(?:어디(?:서|에서)?\s?(?:쓸|써|되|돼|사용|가능|쓰)|쓸\s?수\s?있|쓸수있|되나|되는지|되는\s?(?:데|곳|가게|식당|집)|돼[\?요]|돼$|됨\?|되니|되냐|되는\s?거|가능|받아|받나|얼마|한도|잔액|몇\s?번|하루에|사용법|사용처|어떻게|써도|쓰면|안\s?되는|안\s?돼|결제\s?돼|결제\s?되)|(?:카드|급카)\s?(?:되나|돼|됨|됩니까)|(?:편의점|카페|마트|빵집|치킨집|패스트푸드)[가-힣]{{0,2}}도?\s?(?:급식\s?카드|급카)"
)
MENU_QUESTION = re.compile(
    r"맵[나니냐]|매[워운][가-힣]*\?|양\s?(?:이\s?)?(?:많|적)[나니아어은]|인기\s?메뉴|메뉴(?!\s?추천|\s?뭐\s?먹)|뭐\s?(?:뭐\s?)?(?:팔|파|있|맛있|나와|나오|가\s?(?:맛|있|유명|제일|젤|인기))|값|뭐가\s?(?:젤|제일|가장)?\s?맛|가격|얼마(?!나\s?(?:걸|멀|가))|뭐가\s?(?:맛있|제일|있|유명)|대표|세트\s?(?:있|뭐|얼마)|잘\s?나가|몇\s?원|파나요|파니|팔아|팔까|들어가|들어있"
)
SHOP_QUESTION = re.compile(
    r"어떻게\s?(?:가|찾아|해서\s?가)|어케\s?가|아직\s?(?:있|해|하|열)|브레이크|라스트\s?오더|전번|몇\s?명|자리|좌석|이사|휴일|요일|주말|쉬[는어나니]|몇\s?층|와이파이|화장실|웨이팅|줄\s?(?:서|길)|사람\s?많|오픈|마감|길\s?(?:좀|알)|찾아가|몇\s?시|언제|영업|전화|번호|어디|위치|주소|문\s?(?:열|닫|연|여)|열었|열려|닫|쉬는|휴무|어때|맛있(?:어|나|니|냐|을까|는지|음)|리뷰|별점|평점|정보|가는\s?(?:길|법)|멀어|먼가|착한가게|선한|알려|배달|포장|예약|주차|걸려|얼마나|몇\s?분|가까워"
)
FOODISH = re.compile(
    r"(?<!나이 )(?<!나이를 )(?<!나이도 )(?<!살 )(?<!더 )(?<!엿)(?<!엿 )(?<!마음 )(?<!마음을 )(?<!욕 )(?<!겁 )(?<!술)(?<!술 )(?<!약 )(?<!약을 )(?<!까)(?<!떼)먹|더\s먹고|(?:아침|점심|저녁|간식)(?:은|에|으로|을|엔|에는|때)?\s?(?:뭐|뭘|어디|추천|좋)|머글|머거|무글|배\s?고[파프픈팡팠픔]|배고|ㅂㄱㅍ|ㅂㄱㅍㄷ|입이\s?심심|배\s?(?:를\s?)?채[우울]|마시고\s?[싶시]|마실\s?(?:거|래|데)|(?:배|뱃)\s?속[이은]?\s?(?:비|허전|텅)|한\s?상(?:$|\s)|뭐든|당\s?떨어|허기|굶주|주린|고프|묵[을고자]|머[글거]|쳐묵|허기|입이?\s?심심|출출|허기|맛집|맛있는|맛난|밥|식당|음식|메뉴|간식|끼니|식사|요리|디저트|후식|가게|뭐\s?없나|점메추|저메추|추천|ㅊㅊ|도시락|땡[기겨]|당기|당긴|땡김|꼬르륵|배[가는]?\s(?:[가-힣]{1,4}\s)?고[파프픈]|(?:뭐|머|뭘|밥)\s?무[까글러]|[먹머묵]\s?[고구꼬]\s?[싶시십]|마[싰싯]는|양\s?(?:도\s?|이\s?)?(?:많|넉넉|푸짐)|푸짐|(?<![가-힣])(?:면|밥|국|빵|고기|국물)\s?(?:종류|요리|류)|외식|배달|시켜\s?먹|시켜먹|갈\s?만한|갈만한|갈\s?데|어디\s?(?:가|갈|좋|있)"
)
_EATS = re.compile(
    r"[먹머묵]\s?[고구꼬]\s?[싶시십]|(?:뭐|머|뭘|밥)\s?무[까글러]|(?:맛있는|맛난|마[싰싯]는)\s?(?:거|것|데|집|곳|걸)|땡[기긴겨김]|당[기긴겨김]|(?:뭐|뭘|모|무얼)\s?(?:사|시켜|해)?\s?(?:먹|묵|머[글거])|(?:먹|묵)고\s?(?:싶|파|시[퍼프픈])|먹을\s?(?:거|꺼|것|데|곳|만|래|까|게\s?있)|먹으러|맛집|밥집|배\s?고[프파픈팡]|출출|머글|점메추|저메추|아메추"
)
"""Plain words of wanting to eat."""

_NOT_TO_EAT = re.compile(
    r"(?:만드는|만들|끓이는|요리하는|굽는|튀기는)\s?(?:법|방법|거|것|순서|레시피)|레시피|칼로리\s?(?:얼마|몇|가)|영양\s?성분|(?:영어|일본어|중국어)로\s?(?:뭐|어떻게)|키우는|뜻이?\s?뭐|의미가?\s?뭐|유래|원산지|누가\s?만들"
)
"""Talk of food that is no wish to eat it (떡볶이 만드는 법)."""

_OTHER_THINGS = re.compile(
    r"게임|노래(?!방)|영화(?!관)|그림|그려|웹툰|드라마|책\s?추천|유튜브|선물|숙제|앱\s?추천|옷\s?추천|여행지"
)
_SMALLTALK = re.compile(
    r"\d\s?(?:곱하기|더하기|빼기|나누기|[+×*÷])\s?\d|숙제|수학|영어|국어\s?(?:문제|숙제)|과학|시험|공부|문제\s?(?:풀|좀|알려)|번역|게임|롤\s|마크|마인크래프트|로블록스|브롤|유튜브|날씨|비\s?(?:와|오|올)|눈\s?(?:와|오|올)|미세먼지|기온|노래|음악|가수|아이돌|방탄|블랙핑크|뉴진스|아이브|영화|드라마|만화|웹툰|애니|축구|야구|농구|손흥민|뉴스|대통령|주식|코인|비트코인|너\s?(?:진짜\s|혹시\s|정말\s)?(?:누구|뭐야|몇\s?살|이름|여자|남자|사람|AI|로봇|인공지능|바보)|넌\s?(?:누구|뭐|몇|어디)|네\s?이름|너의\s?이름|이름이?\s?뭐|몇\s?살|(?<!입이\s)(?<!입이)심심|싸웠|놀아|놀자|농담|재밌는\s?(?:얘기|이야기)|끝말잇기|퀴즈|수수께끼|사랑해|좋아해|결혼|남자친구\s?(?:있|생)|여자친구\s?(?:있|생)|고백|연애|코딩|파이썬|프로그래밍|그림\s?그|시\s?(?:써|지어)|소설|일기|독후감|편지\s?써|지금\s?몇\s?시|오늘\s?(?:며칠|무슨\s?요일|몇\s?월)|버스|지하철|길\s?(?:찾|알려)|택시|병원|약국|약\s?(?:먹|사)|머리\s?(?:아|자르)|옷\s|신발|선물|쇼핑|핸드폰|휴대폰|컴퓨터|이벤트|로또|운세|타로|MBTI|mbti|강아지|고양이|공룡|우주|잠이?\s?안|졸려|자고\s?싶|학교\s?가기\s?싫|학원\s?가기\s?싫|방학|소풍|체육|선생님|ㅋㅋ$|ㅎㅎ$|뭐\s?해\??$|뭐하니|뭐해",
    re.IGNORECASE,
)
_ABOUT_BOT = re.compile(
    r"(?:^|\s)(?:너|넌|니|너는|너도|네가|니가|나비얌은?|당신은?)\s?(?:도|는|은)?\s?(?:제일\s|가장\s)?(?:밥|아침|점심|저녁|뭐|무슨)?\s?(?:좋아하는|먹었|먹어\?|먹니|먹냐|좋아해|할\s?줄|알아|살아|생겼)|(?:^|\s)(?:너|넌|너는|너도)\s[가-힣\s]{0,8}(?:좋아해|좋아하[니냐]|먹어\s?봤)"
)
_TASTE = re.compile(
    r"(?:따[뜻듯]|뜨끈|따끈|뜨뜻|시원|얼큰|칼칼|매콤|매운|달달|달콤|새콤|짭짤|짭조름|고소|바삭|든든|담백|상큼|쫄깃|쫀득|뜨거운|차가운|느끼|개운|부드러운|기름진|(?<![가-힣])[단짠신])[가-힣]{0,2}\s?(?:거|것|걸|게|건|국물|국|음식|맛|요리|메뉴|면|밥|탕|찌개|간식|디저트)(?!\s?(?:입|보고|듣))|(?<!눈물)(?<!콧물)국물"
)
"""A taste or a warmth wished for; whatever else is told (비 오는데 뜨끈한 거), it leads to food."""

_HUNGRY = re.compile(
    r"배[가는]?\s?(?:너무|진짜|정말|막|좀|많이|엄청|겁나|슬슬)?\s?고[프파픈팡픔]|ㅂㄱㅍ|배\s?(?:를\s?)?채[우울]|출출|꼬르륵|(?:뭐|머|뭘)\s?(?:먹|묵|머[글거])(?!었|니|냐|는)|[먹머묵]\s?[고구꼬]\s?(?:싶|시[퍼프픈]|파)|먹으러|먹을\s?(?:거|데|곳)\s?(?:추천|알려|있|없)"
)
"""Hunger told among other things stays a wish."""

_PURE_LAUGH = re.compile(r"^[ㄱ-ㅎㅏ-ㅣ\s!?.~^;]+$")
_STILL_ASKS = re.compile(
    r"뭐\s?먹|먹고\s?싶|먹을[래까]|추천해\s?(?:줘|주세|주라|줄래|줄|죠|조|라)|추천\s?좀(?!\s?(?:똑바로|제대로))|찾아\s?줘|알려\s?(?:줘|주(?!네|냐|잖|더라|던))"
)
"""A wish in the same breath outweighs a grumble (오늘 급식 맛없었어 뭐 먹지)."""

_FILLER = re.compile(
    r"\W*(?:(?:비싼데|비싸다?|비싸요|멀다|멀어|먼데|아니|아|음|흠|에이|그럼|그러면|근데|혹시|좀|너무|더|조금만?|쪼금|야|저기|그런데|그거|거기|오늘은|이제)\W*)*"
)
_SEEK = re.compile(
    r"추천|ㅊㅊ|알려|갈[쳐켜]|가르쳐|찾아|어[디데]|있[어나을니]|뭐|보여|골라|없[어나을]|좀|싶|먹|ㄱㄱ"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a decision looks at."""

    text: str
    spans: tuple[Span, ...]
    shop: bool
    ordinal: bool
    pointing: bool
    has_history: bool
    chosen: bool = False
    """Words of choosing meet a shop of the last answer by its food, or its place in an order (제일 싼 데로 갈래)."""

    refine: str | None
    refine_opens: bool
    """The message begins with its refinement (더 싼 데는?), so that it is one even without a history."""

    def has(self, *keys: str) -> bool:
        """Tell whether any of the filters was said, wanted or not."""
        return any(s.key in keys for s in self.spans)

    @property
    def paying(self) -> bool:
        """Tell whether the card is to pay."""
        return any(s.key == "payment_method" and not s.negated for s in self.spans)

    @property
    def wants_food(self) -> bool:
        """Tell whether a food is wished for."""
        return any(s.key in _FOOD_KEYS and not s.negated for s in self.spans)

    @property
    def wishes(self) -> int:
        """Count the kinds of wishes about food, company, time and taste; two of them are no small talk."""
        kinds = {"food" if s.key in _FOOD_KEYS else s.key for s in self.spans}
        return len(kinds & _WISHES) if kinds & {"food", "dietary"} else 0

    def says(self, pattern: re.Pattern[str]) -> bool:
        return pattern.search(self.text) is not None


def refinement(text: str) -> str | None:
    """Return how a message changes the last wish: cheaper, nearer, elsewhere, wish, or None.

    >>> [refinement(t) for t in ("더 싼 데는?", "거기 말고", "좀 더 가까운 데", "그럼 피자는?", "치킨 추천해줘")]
    ['cheaper', 'elsewhere', 'nearer', 'wish', None]
    """
    return next((kind for kind, pattern in REFINE if pattern.search(text)), None)


def opens_with_refinement(text: str) -> bool:
    """Tell whether nothing but a filler word stands before the refinement.

    >>> opens_with_refinement("에이 너무 멀다"), opens_with_refinement("택시비 너무 비싸")
    (True, False)
    """
    start = min((m.start() for _, p in REFINE if (m := p.search(text))), default=len(text))
    return _FILLER.fullmatch(text[:start]) is not None


def ordinal(text: str, shown: int) -> tuple[int, int, int] | None:
    """Return (rank, start, end) of a shop named by its number; the last one counts from `shown` (3 if unknown).

    >>> ordinal("두 번째 거 갈래", 3), ordinal("마지막 거", 2), ordinal("18번 버스", 3), ordinal("1번 출구", 3)
    ((2, 0, 4), (2, 0, 5), None, None)
    """
    m = ORDINAL.search(text)
    if m is None:
        return None
    if m["digit"]:
        rank = int(m["digit"])
    elif m["last"]:
        rank = shown or 3
    elif m["top"]:
        rank = 1
    elif m["middle"]:
        rank = 2
    else:
        rank = _NUMBER_WORDS[m["word"] or m["short"] or m["sino"]]
    return rank, m.start(), m.end()


def decide(f: Findings) -> tuple[Intent, float]:
    """Return the first intent whose condition holds, and how plain that was."""
    for intent, confidence, condition in _TABLE:
        if condition(f):
            return intent, confidence
    return Intent.OUT_OF_SCOPE, 0.2


_COMPANY = ("companion", "party_size", "time_of_day")
_FOOD_KEYS = ("category", "food_type")
_WISHES = frozenset(("food", "dietary", "companion", "party_size", "time_of_day", "sort", "atmosphere", "location", "payment_method"))  # fmt: skip


def _asked_of_shop(f: Findings) -> bool:
    return f.shop or ((f.ordinal or f.pointing) and f.refine is None and not f.has("budget_max"))


_BLAME = re.compile(r"[왜웨]\s?(?:맨날|자꾸|계속|또|이렇게|이런|다)?\s?(?:똑같|같은\s?(?:데|곳|거|것|집|가게)|이상한|먼\s?데|닫힌|없는\s?(?:데|가게|곳))")  # fmt: skip


def _complains(f: Findings) -> bool:
    if f.says(_BLAME):
        return True
    about_service = f.has_history or f.says(_SERVICE)
    grumbles = f.says(COMPLAINT) or (f.says(GRUMBLE) and about_service)
    return grumbles and f.refine != "elsewhere" and not f.says(_STILL_ASKS)


def _bare(f: Findings) -> bool:
    return all(s.key == "time_of_day" for s in f.spans) and not f.says(FOODISH)


def _about_me(f: Findings) -> bool:
    return f.says(_ABOUT_BOT) and not f.spans


_NEAR_WORD = re.compile(
    r"근처|주변|근방|부근|인근|가까|앞|옆|걸어서|도보|동네|주위|안\s?먼|멀지|분\s?거리|여기서"
)
_ASKING = re.compile(r"\?|있[어나을니냐음]|어디|되[나니냐요]|돼|됨|알려|가능|수\s?있|찾아|받[아나]|써\s?도")  # fmt: skip
_MAY_I = re.compile(r"(?:사도|먹어도|시켜도|써도|결제해도|긁어도)\s?(?:돼|되)")
"""Asks what the card may be used for, whatever food is named (급식카드로 빵 사도 돼?)."""

_SOMEWHERE = re.compile(r"데(?:로|$|[\s?!.ㄱㅎㅋㅠ])|곳|아무|^.{1,11}$")
_CARD_OF_A_WISH = re.compile(r"추천|ㅊㅊ|먹고|먹을|먹으|머글|땡[기겨긴]|ㄱㄱ|골라|갈\s?[만래]")


def _near(f: Findings) -> bool:
    """Near, and no food named: 집 앞에 먹을 데 있나; with a dish it is a wish for the dish."""
    place = any(s.key == "location" for s in f.spans)
    near = any(s.key == "location" and str(s.value).startswith("near_") for s in f.spans)
    near = near or any(s.key == "sort" and s.value == "nearest" for s in f.spans)
    near = near or (place and f.says(_NEAR_WORD)) or f.says(_HARD_BY)
    wanted = any(s.key in _FOOD_KEYS and not s.negated for s in f.spans)
    return near and not wanted and (f.says(FOODISH) or f.says(_SEEK) or f.says(_SOMEWHERE))


def _asks_for_card(f: Findings) -> bool:
    """Whether or where the card works; a dish wished, or food with words of wishing, is a wish."""
    if f.paying and f.says(_MAY_I):
        return True
    if not f.paying or f.has("food_type") or f.refine == "elsewhere":
        return False
    if any(s.key == "category" and not s.negated for s in f.spans):
        return f.says(_ASKING) and not f.says(_CARD_OF_A_WISH)
    return f.says(CARD_QUESTION) or not (f.says(FOODISH) or f.has("sort", "companion", "dietary"))


_MENU_OF = re.compile(
    r"메뉴(?:판|표)?\s?(?:도\s?|좀\s?|더\s?|다\s?)?(?:ㄱ|알려|보여|뭐|궁금|말해|$)|가격표"
)
"""Said of a shop by its number it asks for the menu, however it ends (첫번째집 메뉴판 ㄱㄱ)."""

_NOT_IT = re.compile(r"(?:번|째|거|꺼|집|가게)(?:은|는)?\s?(?:말[고구]|빼고|싫|별로|패스)")
_SCHOOLWORK = re.compile(
    r"(?:수학|영어|국어|과학|사회|한국사|문제집|시험지|숙제)[가-힣\s]{0,6}\d{1,2}\s?번|\d{1,2}\s?번\s?(?:답|문제|풀이)"
)
_ASKS_HOW_IT_IS = re.compile(
    r"(?:후기|리뷰|평점|별점|평|사장님|위생|분위기|자리|서비스)[은는이가도]?\s?(?:어때|어떄|좋아|좋나|좋은가|괜찮|많아|있어|깨끗|친절)[가-힣]{0,3}\s?\??$"
)
"""Asks of a shop's looks with a word of choosing (후기 좋아?)."""

_NO_EATERY = re.compile(
    r"(?:다이소|올리브영|[pP][cC]방|피시방|피씨방|노래방|코노|오락실|화장실|병원|약국|은행|문방구|문구점|서점|만화방|영화관|무인\s?사진관|인생네컷|미용실|우체국|경찰서|주민센터|수영장|놀이터|스터디카페|교통카드)(?:이|가|은|는|을|를|도)?\s?(?:어디|있|찾|위치|몇|가고|갈|알려|급해|충전|추천)"
)
"""A place where nobody eats is asked for."""

_HARD_BY = re.compile(
    r"(?<![가-힣])(?:역|정류장|상가|건물|골목|담장|정문|후문)\s?(?:바로\s)?(?:앞|옆|밑|안|뒤|너머|입구)|(?:아파트|학원|학교)\s?(?:안|밑|상가|건물|담장|뒷문)|코\s?닿"
)
"""Near something that is no place of its own."""

_ASKS_OF_IT = re.compile(r"(?<!어)(?<!까)(?<!래)(?<!지)(?<!뭐)\?$|(?:나|니|냐|나요|은가요|가요)$")
"""A question, and none that chooses (거기 어때?, 거기 갈까?)."""

_OTHER_AT_LAST = re.compile(
    r"(?:다른|딴)\s?(?:거|데|곳|집|걸|가게|메뉴)(?:로|는|요|도|좀)?\s?(?:없|있|보여|추천|알려)?[가-힣]{0,3}[?!.~ㅠㅎㅋ\s]*$"
)
"""Whatever was said of the shops before it, the message ends with wanting others."""

_ONLY = re.compile(
    r"(?:되|돼|쓸\s?수\s?있|받|먹히)는?\s?(?:데|곳|집|가게|식당|거)?(?:들)?만(?:\s?(?:요|보여|알려|골라|추천|다시))?[\s?!.~ㄱㅎㅋㅠ]*$"
)
_ONE_MORE = re.compile(
    r"(?:한\s?명|하나|두\s?명|친구|동생|엄마|아빠)[가-힣\s]{0,6}더\s?(?:와|온|오|늘|있|추가)|(?:한|두|세)\s?명\s?(?:더|추가|늘)|명으로\s?늘"
)
"""What changes a wish that stands, without a word of changing."""

_AGAIN = re.compile(
    r"^(?:좀\s?|조금\s?)?더\s?[가-힣]{1,5}(?:운|은|한|큰|난|쁜|있는)\s?(?:거|데|곳|집|걸로|것)(?:로|는|요|도)?\s?(?:없|있|보여|추천|알려)?[가-힣]{0,3}[?!.~ㅠ]*$|재탐색|^다른\s(?=[가-힣]+(?:은|는|도)?\s?(?:없|있|어때))|(?:그|이|방금[가-힣\s]{0,6}|아까[가-힣\s]{0,6}|나온\s?(?:데|곳|거))\s?중에|바꿔|바꾸|변경|다시|(?<!원)보다\s?(?:더\s?)?(?:싼|싸|저렴|가까)|^(?:그럼|그러면|아니면|아님)\s?[가-힣\s]{1,10}(?:은|는)(?:\s?(?:어때|어떄|어떰|있어|없어|없나))?[?!.]*$|순(?:으로|대로)\s?(?:다시|보여)"
)
"""Words that only follow an answer."""

_CHANGE = re.compile(r"(?:으로|로)(?:만|요|는|용)?[\s?!.~ㄱㅎㅋㅠㅜ]*$|(?:데|곳|거|걸)(?:로|으로)|만\s?(?:보여|골라|추천|알려)|순(?:으로|대로)?|다시|말[고구][\s?!.~]*$|(?:은|는)요?\s?\?*$|더\s|중에")  # fmt: skip
_ANEW = re.compile(r"(?:내일|모레|다음\s?주|이번\s?주|주말|나중|오늘은|저녁에는|점심에는|이따)[가-힣]{0,3}\s|아\s?그리고|추천(?:해|좀|\s)|뭐\s?먹|먹고\s?싶")  # fmt: skip


def _refines(f: Findings) -> bool:
    at_last = not f.spans and f.says(_OTHER_AT_LAST)
    if not (f.has_history or f.refine_opens or at_last or f.says(_AGAIN)):
        return False
    if f.refine in ("cheaper", "nearer"):
        named = f.has(*_FOOD_KEYS, "location", "budget_max") and not f.has_history
        return not named
    if f.refine == "elsewhere" and at_last:
        return True
    if f.refine == "elsewhere":
        new = f.wants_food or f.has("budget_max", "location")
        return f.has_history or not new or f.says(_AGAIN)
    if not f.has_history:
        return f.says(_AGAIN)
    if f.has("party_size", "companion") and f.says(_ONE_MORE):
        return True
    if f.spans and not f.shop and f.says(_ONLY) and not f.says(_ANEW):
        return True
    if f.says(_RATHER) and any(s.negated for s in f.spans):
        return True
    if f.refine == "wish" and not f.says(_ANEW):
        return bool(f.spans) or f.says(FOODISH)
    return bool(f.spans) and f.says(_CHANGE) and not f.says(_ANEW)


_RATHER = re.compile(r"말[고구]|빼고|아니고")
_TOLD = re.compile(r"던데|더라|다는데|라는데|대요|다며|잖아|줬|됐|했어|갔는데|갔더니|안\s?된다|안\s?받는다")  # fmt: skip
"""Words of what happened; asking about the card has none of them."""

_ASKED_LAST = re.compile(r"카드?[가는도로]?\s?(?:되|돼|됨|받[나아]|가능|쓸\s?수\s?있)[가-힣]{0,3}[?!.~]*$")  # fmt: skip
_LOST_CARD = re.compile(r"카드(?:를|을)?\s?(?:다\s)?(?:잃어|분실|재발급|도둑)")
_EVEN_THERE = re.compile(r"(?:가|에)서도\s")

# The confidences are shares of right decisions on utterances that the rules had not seen (November 2026), rounded.
_TABLE: tuple[tuple[Intent, float, Callable[[Findings], bool]], ...] = (
    (Intent.MEAL_CARD_INQUIRY, 0.93, lambda f: _asked_of_shop(f) and f.paying and not f.has("budget_max") and not f.says(CHOOSE)),
    (Intent.MEAL_CARD_INQUIRY, 0.93, lambda f: f.shop and f.paying and f.says(_ASKED_LAST)),
    (Intent.COMPLAINT, 0.93, lambda f: _complains(f) and not (f.says(CARD_QUESTION) and not f.says(_TOLD))),
    (Intent.OUT_OF_SCOPE, 0.92, lambda f: f.says(_NO_EATERY) and not f.wants_food),
    (Intent.REFINE, 0.9, lambda f: f.ordinal and f.says(_NOT_IT)),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.ordinal and f.says(_SCHOOLWORK)),
    (Intent.MENU_INQUIRY, 0.92, lambda f: f.ordinal and f.says(_MENU_OF)),
    (Intent.SHOP_INQUIRY, 0.9, lambda f: f.ordinal and f.says(_ASKS_HOW_IT_IS)),
    (Intent.SELECT, 0.95, lambda f: f.ordinal and f.says(CHOOSE) and f.refine is None),
    (Intent.MENU_INQUIRY, 0.92, lambda f: _asked_of_shop(f) and f.says(MENU_QUESTION)),
    (Intent.SELECT, 0.93, lambda f: f.ordinal and not f.says(SHOP_QUESTION)),
    (Intent.SELECT, 0.93, lambda f: f.chosen),
    (Intent.SHOP_INQUIRY, 0.9, lambda f: _asked_of_shop(f) and f.says(SHOP_QUESTION) and not (f.pointing and f.says(CHOOSE))),
    (Intent.SELECT, 0.9, lambda f: _asked_of_shop(f) and f.says(CHOOSE)),
    (Intent.SHOP_INQUIRY, 0.8, lambda f: _asked_of_shop(f) and f.says(_ASKS_OF_IT) and not f.has(*_FOOD_KEYS)),
    (Intent.SELECT, 0.7, lambda f: f.pointing and f.refine is None and not f.has(*_FOOD_KEYS) and not f.says(GREETING) and len(f.text) < 12),
    (Intent.MENU_INQUIRY, 0.8, lambda f: f.shop and f.has("food_type", "dietary")),
    (Intent.FOOD_RECOMMENDATION, 0.85, lambda f: f.shop and f.says(_EATS) and not f.has_history),
    (Intent.SHOP_INQUIRY, 0.7, lambda f: f.shop),
    (Intent.MEAL_CARD_INQUIRY, 0.88, lambda f: f.paying and f.says(CARD_QUESTION) and f.says(_EVEN_THERE)),
    (Intent.REFINE, 0.92, _refines),
    (Intent.GOOD_SHOP_INQUIRY, 0.92, lambda f: f.has("is_good_influence_shop")),
    (Intent.BUDGET_FOOD_INQUIRY, 0.97, lambda f: f.has("budget_max")),
    (Intent.OPEN_NOW_INQUIRY, 0.92, lambda f: f.has("open_now")),
    (Intent.MEAL_CARD_INQUIRY, 0.88, _asks_for_card),
    (Intent.MEAL_CARD_INQUIRY, 0.88, lambda f: f.says(_LOST_CARD)),
    (Intent.MENU_INQUIRY, 0.7, lambda f: f.has(*_FOOD_KEYS) and bool(re.search(r"얼마|몇\s?원|가격이", f.text))),
    (Intent.NEARBY_INQUIRY, 0.92, _near),
    (Intent.OUT_OF_SCOPE, 0.85, _about_me),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.says(_NOT_TO_EAT)),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.says(_OTHER_THINGS) and not (f.wants_food or f.says(_EATS) or f.has("dietary", "sort"))),
    (Intent.THANKS, 0.93, lambda f: f.says(THANKS) and not f.wants_food),
    (Intent.GREETING, 0.93, lambda f: f.says(GREETING) and _bare(f)),
    (Intent.FOOD_RECOMMENDATION, 0.92, lambda f: f.wishes > 1),
    (Intent.FOOD_RECOMMENDATION, 0.88, lambda f: f.has(*_FOOD_KEYS) and f.says(_SEEK)),
    (Intent.FOOD_RECOMMENDATION, 0.85, lambda f: f.has(*_FOOD_KEYS, "ingredient", "dietary")),
    (Intent.FOOD_RECOMMENDATION, 0.9, lambda f: f.says(_TASTE) or (f.says(_HUNGRY) and f.says(FOODISH))),
    (Intent.OUT_OF_SCOPE, 0.9, lambda f: f.says(_SMALLTALK) and not f.says(FOODISH)),
    (Intent.FOOD_RECOMMENDATION, 0.9, lambda f: f.says(_EATS) and not f.says(_SMALLTALK)),
    (Intent.FOOD_RECOMMENDATION, 0.9, lambda f: f.says(FOODISH) and f.has("companion", "party_size")),
    (Intent.FOOD_RECOMMENDATION, 0.8, lambda f: f.says(FOODISH) and bool(f.spans)),
    (Intent.FOOD_RECOMMENDATION, 0.65, lambda f: f.says(FOODISH) and not f.says(_SMALLTALK)),
    (Intent.OUT_OF_SCOPE, 0.5, lambda f: f.says(_SMALLTALK)),
    (Intent.FOOD_RECOMMENDATION, 0.8, lambda f: f.has("party_size") and len(f.text) < 12),
    (Intent.FOOD_RECOMMENDATION, 0.65, lambda f: f.has("sort", "atmosphere")),
    (Intent.FOOD_RECOMMENDATION, 0.4, lambda f: f.has( "payment_method", "location")),
    (
        Intent.FOOD_RECOMMENDATION,
        0.25,
        lambda f: bool(f.spans) and (len(f.text) < 9 or any(s.key not in _COMPANY for s in f.spans)),
    ),
    (Intent.OUT_OF_SCOPE, 0.5, lambda f: f.says(_PURE_LAUGH)),
)  # fmt: skip
