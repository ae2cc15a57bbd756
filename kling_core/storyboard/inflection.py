"""The forms in which five languages write a verb, made from the form that a dictionary gives.

Regular inflection with the commonest exceptions; a wrong form does no harm here, because forms are only looked for in
texts (`gloss`) and learnt from (`previz.training.words`), never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_GODAN = {
    "く": ("き", "いて", "か"), "ぐ": ("ぎ", "いで", "が"), "す": ("し", "して", "さ"), "つ": ("ち", "って", "た"),
    "る": ("り", "って", "ら"), "ぬ": ("に", "んで", "な"), "ぶ": ("び", "んで", "ば"), "む": ("み", "んで", "ま"),
    "う": ("い", "って", "わ"),
}
_SPANISH_ENDINGS = {
    "ar": ("a", "an", "ando", "ó", "aba"), "er": ("e", "en", "iendo", "ió", "ía"),
    "ir": ("e", "en", "iendo", "ió", "ía"),
}
_FIRST_SYLLABLE, _VOWELS, _FINALS = 0xAC00, 21, 28
# Numbers of Korean vowels and finals in Unicode's order of syllables.
_A, _EO, _YEO, _O, _WA, _U, _WO, _EU, _I = 0, 4, 6, 8, 9, 13, 14, 18, 20
_FINAL_N, _FINAL_D, _FINAL_L, _FINAL_B, _FINAL_SS = 4, 7, 8, 17, 20
_KOREAN_D_TURNS_L, _KOREAN_B_TURNS_W, _KOREAN_REGULAR_REU = "걷듣", "눕굽춥", "따르"


_NEGATIVE_FORMS = {"ja": 2, "ko": 1}


def verb_forms(
    wording: str, language: str, irregular: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Forms of a phrase whose verb stands first (English, Spanish) or last (Japanese, Korean), the dictionary's first.

    The second list holds the forms that say no, where a language has such.

    language: "en", "es", "ja", "ko", or "zh", which has one form. irregular: from a verb to its forms, for English
    [third person, -ing, past], for Spanish [third person, plural, gerund, preterite, imperfect]. In Japanese a bar
    marks the stem of an ichidan verb ("食べ|る").
    """
    if language == "en":
        verb, _, rest = wording.partition(" ")
        forms = [verb, *irregular.get(verb, _english(verb))]
        return [f"{form} {rest}".strip() for form in forms], []
    if language == "es":
        return _spanish_phrase(wording, irregular), []
    forms = _japanese(wording) if language == "ja" else _korean(wording) if language == "ko" else [wording]
    last = len(forms) - _NEGATIVE_FORMS[language] if len(forms) > 1 else 1
    return forms[:last], forms[last:]


def _english(verb: str) -> list[str]:
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return [verb[:-1] + "ies", verb + "ing", verb[:-1] + "ied"]
    third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return [third, verb[:-1] + "ing", verb + "d"]
    return [third, verb + "ing", verb + ("d" if verb.endswith("e") else "ed")]


def _spanish_phrase(wording: str, irregular: Mapping[str, Sequence[str]]) -> list[str]:
    before = "no " if wording.startswith("no ") else ""
    verb, _, rest = wording.removeprefix(before).partition(" ")
    forms = _spanish(verb, irregular)
    return [f"{before}{form} {rest}".strip() for form in forms]


def _spanish(verb: str, irregular: Mapping[str, Sequence[str]]) -> list[str]:
    plain = verb.removesuffix("se") if verb.endswith(("arse", "erse", "irse", "írse")) else verb
    ending = plain[-2:].replace("í", "i")
    if ending not in _SPANISH_ENDINGS:
        return [verb]
    forms = list(irregular.get(plain) or (plain[:-2] + end for end in _SPANISH_ENDINGS[ending]))
    if plain == verb:
        return [verb, *forms]
    third, plural, gerund, preterite, imperfect = forms
    accented = gerund[:-4] + gerund[-4:].replace("a", "á").replace("e", "é")
    return [verb, *("se " + form for form in (third, plural, preterite, imperfect)), accented + "se"]


def _japanese(wording: str) -> list[str]:
    """[dictionary form, te form, past, polite, polite past, going on, while, stem; no, politely no]"""
    if "|" in wording or wording.endswith("ている"):
        stem = wording.split("|")[0] if "|" in wording else wording[:-1]
        return _japanese_forms(stem + "る", stem, stem + "て", stem)
    if wording.endswith("する"):
        stem = wording[:-2] + "し"
        return _japanese_forms(wording, stem, stem + "て", stem)
    if wording.endswith(("くる", "来る")):
        stem = wording[:-2] + ("来" if wording.endswith("来る") else "き")
        return _japanese_forms(wording, stem, stem + "て", stem)
    if wording[-1:] not in _GODAN:
        return [wording]
    stem, te, negative = _GODAN[wording[-1]]
    te = "って" if wording.endswith("行く") else te
    return _japanese_forms(wording, wording[:-1] + stem, wording[:-1] + te, wording[:-1] + negative)


def _japanese_forms(plain: str, stem: str, te: str, negative: str) -> list[str]:
    past = te[:-1] + ("た" if te.endswith("て") else "だ")
    forms = [plain, te, past, stem + "ます", stem + "ました", te + "いる", stem + "ながら"]
    forms += [stem] if len(stem) > 1 else []  # before a comma, and in compounds ("歩き回る")
    return [*forms, negative + "ない", stem + "ません"]


def _korean(wording: str) -> list[str]:
    """[dictionary form, present, polite, past; familiar, its past, polite past; going on, while, and then; not]"""
    if not wording.endswith("다"):
        return [wording]
    stem = wording[:-1]
    body, last = stem[:-1], stem[-1]
    if last in "있없":
        present = stem + "다"
    else:
        present = body + (_with_final(last, _FINAL_N) + "다" if _final(last) in (0, _FINAL_L) else last + "는다")
    polite = body + (_with_final(last, _FINAL_B) + "니다" if _final(last) in (0, _FINAL_L) else last + "습니다")
    open_form = _korean_open_form(stem)
    past = open_form[:-1] + _with_final(open_form[-1], _FINAL_SS) + "다"
    linked = body + (_with_final(last, _FINAL_L) if last in _KOREAN_D_TURNS_L else last)
    linked += "" if _final(last) in (0, _FINAL_L) and last not in _KOREAN_D_TURNS_L else "으"
    return [
        wording, present, polite, past, open_form + "요", past[:-1] + "어요", past[:-1] + "습니다", stem + "고 있다",
        linked + "며", stem + "고", stem + "지 않",
    ]


def _korean_open_form(stem: str) -> str:
    """The stem with -a or -eo, contracted where speech contracts it."""
    body, last = stem[:-1], stem[-1]
    first, vowel, final = _letters(last)
    if last == "하":
        return body + "해"
    if last in _KOREAN_D_TURNS_L:
        return body + _with_final(last, _FINAL_L) + "어"
    if last in _KOREAN_B_TURNS_W:
        return body + _with_final(last, 0) + "워"
    if stem.endswith(_KOREAN_REGULAR_REU):
        return body + "라"
    if last == "르" and body:
        bright = _letters(body[-1])[1] in (_A, _O)
        return body[:-1] + _with_final(body[-1], _FINAL_L) + ("라" if bright else "러")
    if final:
        return stem + ("아" if vowel in (_A, _O) else "어")
    contracted = {_O: _WA, _U: _WO, _I: _YEO, _EU: _EO}.get(vowel, vowel)
    return body + _syllable(first, contracted, 0)


def _letters(syllable: str) -> tuple[int, int, int]:
    """Numbers of a Hangul syllable's first consonant, vowel and final consonant (0 for none)."""
    code = ord(syllable) - _FIRST_SYLLABLE
    return code // (_VOWELS * _FINALS), code // _FINALS % _VOWELS, code % _FINALS


def _syllable(first: int, vowel: int, final: int) -> str:
    return chr(_FIRST_SYLLABLE + (first * _VOWELS + vowel) * _FINALS + final)


def _final(syllable: str) -> int:
    return _letters(syllable)[2]


def _with_final(syllable: str, final: int) -> str:
    first, vowel, _ = _letters(syllable)
    return _syllable(first, vowel, final)
