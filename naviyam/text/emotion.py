"""How a child sounds, by words, jamo and emoji. A signal for tone, never for facts."""

import re

from naviyam.request import Emotion
from naviyam.text.clean import normalise

_PATTERNS = (
    (Emotion.HUNGRY, re.compile(r"배\s?고[파프픈팡팠픔]|배고|허기|출출|굶|꼬르륵|배\s?곯|시장기|아사\s?직전|당\s?떨어")),
    (Emotion.UPSET, re.compile(r"슬[퍼프]|속상|우울|외로|무서|울고|울었|눈물|짜증|화\s?나|화났|빡[치쳐]|억울|서러|서운|싸웠|혼났|[ㅠㅜ]|😭|😢|😡|😠|🥺|힘들어\s?죽")),
    (Emotion.TIRED, re.compile(r"피곤|지[쳤친쳐]|졸[려리린]|힘들|기운\s?없|힘이?\s?없|녹초|지침|😩|😫|🥱|😴")),
    (Emotion.NEGATIVE, re.compile(r"싫|별로|맛\s?없|실망|최악|불친절|노맛|이상해|구려|아니야|안\s?좋")),
    (Emotion.POSITIVE, re.compile(r"좋[아다았은네]|최고|맛있었|고마|고맙|감사|신나|신난|행복|짱|대박|사랑|기뻐|기대|ㅎㅎ|ㅋㅋ|굿|😊|😄|😍|😋|🥰|❤|👍|♥|\^\^")),
)  # fmt: skip


_TEARS = re.compile(r"[ㅠㅜ]+")
_WISHING = re.compile(r"먹[고을어자]|머글|추천|알려|골라|찾아|있[어나]|없[어나]|파는|ㅊㅊ|ㄱㄱ")


def emotion(text: str) -> Emotion:
    """Return the strongest feeling; hunger first, since that is what the service answers.

    Tears typed behind a wish (ㅠㅠ) ask for it more and are no sorrow.

    >>> emotion("배고팡 ㅠㅠ").value, emotion("고마워 ㅎㅎ").value, emotion("치킨집 추천해줘").value
    ('HUNGRY', 'POSITIVE', 'NEUTRAL')
    >>> emotion("국밥 먹고싶당 ㅠㅠ").value, emotion("시험 망했어 ㅠㅠ").value
    ('NEUTRAL', 'UPSET')
    """
    cleaned = normalise(text).text
    if _WISHING.search(cleaned):
        cleaned = _TEARS.sub("", cleaned)
    for feeling, pattern in _PATTERNS:
        if pattern.search(cleaned):
            return feeling
    return Emotion.NEUTRAL
