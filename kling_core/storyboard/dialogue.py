"""Who says what, in which language and how: the quoted dialogue of a shot's text, other languages glossed (`gloss`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kling_core.errors import ProblemList
from kling_core.storyboard.languages import LANGUAGE_NAMES
from kling_core.storyboard.masking import NAME, QUOTE, Masked

_OTHER_LANGUAGES = (
    "french|german|italian|portuguese|russian|arabic|hindi|turkish|dutch|polish|swedish|greek|hebrew|thai|vietnamese"
    "|cantonese|latin"
)
_VERBS = (
    r"\b(?:says?|saying|said|asks?|asking|asked|repl(?:y|ies|ied|ying)|answer(?:s|ed|ing)?|whisper(?:s|ed|ing)?"
    r"|shout(?:s|ed|ing)?|yell(?:s|ed|ing)?|scream(?:s|ed|ing)?"
    r"|call(?:s|ed|ing)?(?: out)?|cr(?:y|ies|ied|ying)(?: out)?"
    r"|murmur(?:s|ed|ing)?|mutter(?:s|ed|ing)?|exclaim(?:s|ed|ing)?|add(?:s|ed|ing)?|tells?|told|telling"
    r"|respond(?:s|ed|ing)?|speak(?:s|ing)?|spoke|greet(?:s|ed|ing)?|sing(?:s|ing)?|laugh(?:s|ed|ing)?|sigh(?:s|ed|ing)?"
    r"|thank(?:s|ed|ing)?|begins?|continues?|explain(?:s|ed|ing)?)\b"
)
SPEECH_VERB = re.compile(_VERBS, re.IGNORECASE)
_EXPRESSIVE = (
    ("whispering", re.compile(r"whisper", re.IGNORECASE)),
    ("shouting", re.compile(r"shout|yell|scream|\bcall", re.IGNORECASE)),
    ("murmuring", re.compile(r"murmur|mutter", re.IGNORECASE)),
    ("exclaiming", re.compile(r"exclaim|\bcr(?:y|ies|ied) out", re.IGNORECASE)),
    ("crying", re.compile(r"\bcr(?:y|ies|ied|ying)$", re.IGNORECASE)),
    ("laughing", re.compile("laugh", re.IGNORECASE)),
    ("sighing", re.compile(r"\bsigh", re.IGNORECASE)),
    ("singing", re.compile(r"\bsing", re.IGNORECASE)),
)
_MANNER = re.compile(
    r"\b(?:in|with) an? (?:[\w-]+,? ){0,3}?(?:voice|tone|accent|whisper|smile|laugh|sigh|murmur)\b"
    r"|\b(?:(?:very|almost|rather|quite) )?(?!only\b|early\b|family\b)\w{2,}ly\b"
    r"|\b(?:out loud|aloud|under (?:her|his|their) breath)\b"
    r"|\b(?:\w+ed|clumsy|heavy|broken|american|british|regional) accent\b",
    re.IGNORECASE,
)
_IN_LANGUAGE = re.compile(
    rf"\b(?:in|speaking)\s+(?P<how>(?:[\w'’-]+\s+){{0,3}}?)"
    rf"(?:(?P<known>{'|'.join(LANGUAGE_NAMES)})|(?P<other>{_OTHER_LANGUAGES}))\b",
    re.IGNORECASE,
)
_OFF_SCREEN = re.compile(r"off[- ]?(?:screen|camera)|voice[- ]?over|\bv\.?o\.?\b|\bo\.s\.", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?。！？;；\n](?!\w)")
_NAME_TAG = re.compile(
    rf"(?P<who>{NAME})(?:['’]s voice)?\s*(?:\((?P<manner>[^()]*)\))?\s*(?:(?P<colon>[:：])|[,，])?\s*$"
)
_PRONOUN = re.compile(r"\b(?:she|he|they)\b", re.IGNORECASE)
_TAG_AFTER = re.compile(
    rf"\s*[,，]?\s*(?:(?P<who>{NAME}|she|he|they)\s+(?:\w+ly\s+)?(?P<verb>{_VERBS})"
    rf"|(?P<verb2>{_VERBS})\s+(?P<who2>{NAME}|she|he|they))",
    re.IGNORECASE,
)
# Japanese and Korean put who speaks before the quotation, and the verb of speech with its particle after it.
_VERB_AFTER = re.compile(rf"\s*(?:と|って|이?라고|하고|고)(?P<manner>[^.!?。！？\n]*?)(?P<verb>{_VERBS})")
_WRITING = re.compile(
    r"\b(?:signs?|posters?|(?<!off-)(?<!off )screen|banner|labels?|caption|title|logo|text|letters?|words?|note)\b"
    rf"[^{NAME[1:-1]}]*$",
    re.IGNORECASE,
)
_STRANGER = re.compile(
    r"\b(?:an?|the|some|another|one|someone|somebody|his|her|their)\b(?:\s+[\w-]+){0,4}\s*$", re.IGNORECASE
)
_SUBJECT_BEFORE = re.compile(
    rf"(?:^|[.!?;:,。，；：()]|{QUOTE}|\b(?:and|then|while|as|but|when|where|who)\b)\s*(?:the\s+|a\s+)?(?P<who>{NAME})"
)
# Whom "she" may mean: who did something, or who the shot is of.
_SEEN_BEFORE = re.compile(_SUBJECT_BEFORE.pattern.replace(r"|\b(?:and", r"|\b(?:of|on|and"))


@dataclass(frozen=True)
class SpokenQuote:
    """A line found in a shot's text. `at`: where its quotation stands there. language None: tell by the words."""

    at: int
    speaker: str
    text: str
    language: str | None
    delivery: str | None
    off_screen: bool


@dataclass(frozen=True)
class _Tag:
    """What stands around a quotation: the words before the verb of speech, the verb, the manner, a named speaker."""

    subject: str = ""
    verb: str = ""
    manner: str = ""
    who: str | None = None


def find_lines(
    body: str, masked: Masked, where: str, problems: ProblemList, before: tuple[str, ...]
) -> list[SpokenQuote]:
    """The dialogue of a shot's masked text. `before`: who was seen or heard earlier, the latest last, for "she"."""
    spoken: list[SpokenQuote] = []
    heard = list(before)
    quotes = list(re.finditer(QUOTE, body))
    for number, quote in enumerate(quotes):
        start = quotes[number - 1].end() if number else 0
        stop = quotes[number + 1].start() if number + 1 < len(quotes) else len(body)
        tag = _tag(body[start: quote.start()], body[quote.end(): stop])
        if tag is None:
            continue
        heard += [masked.name(match["who"]) for match in _SEEN_BEFORE.finditer(body, start, quote.start())]
        speaker = _speaker(tag, masked, heard)
        line_where = f"{where}, line {len(spoken) + 1}"
        text = masked.said(quote.group()).rstrip(",，、").strip()
        if speaker is None:
            remedy = "Write a name of the cast before it, as in: @mira says, “…”"
            problems.add(line_where, f"it is not clear who says “{text[:40]}”", remedy)
            continue
        heard.append(speaker)
        spoken.append(SpokenQuote(
            quote.start(), speaker, text, _language(tag, line_where, problems), _delivery(tag),
            bool(_OFF_SCREEN.search(tag.subject + " " + tag.manner)),
        ))
    return spoken


def _tag(before: str, after: str) -> _Tag | None:
    """The speech tag of a quotation, None when the quotation is not spoken (a sign, a title)."""
    sentence = _SENTENCE_END.split(before)[-1]
    behind = _VERB_AFTER.match(after)
    if behind:
        return _Tag(sentence, behind["verb"], behind["manner"])
    verbs = list(SPEECH_VERB.finditer(sentence))
    named = _NAME_TAG.search(sentence)
    if named and (named["colon"] or named["manner"]) and _opens_clause(sentence, named.start()):
        verbs = []
    if verbs:
        subject = sentence[: verbs[-1].start()]
        return None if _WRITING.search(subject) else _Tag(subject, verbs[-1].group(), sentence[verbs[-1].end():])
    if named:
        return _Tag(manner=named["manner"] or "", who=named["who"])
    follows = _TAG_AFTER.match(after)
    if follows:
        rest = _SENTENCE_END.split(after[follows.end():])[0]
        verb, who = follows["verb"] or follows["verb2"], follows["who"] or follows["who2"]
        return _Tag(verb=verb, manner=follows.group() + rest, who=who)
    return None if re.search(r"\w", sentence) else _Tag()


def _opens_clause(sentence: str, at: int) -> bool:
    before = sentence[:at].rstrip()
    return not before or before[-1] in ",，;:)"


def _speaker(tag: _Tag, masked: Masked, heard: list[str]) -> str | None:
    latest = heard[-1] if heard else None
    if tag.who:
        return masked.name(tag.who) if re.fullmatch(NAME, tag.who) else latest
    subjects = [match["who"] for match in _SUBJECT_BEFORE.finditer(tag.subject)]
    named = subjects or re.findall(NAME, tag.subject)
    if named:
        return masked.name(named[-1])
    if _STRANGER.search(tag.subject) and not _PRONOUN.search(tag.subject):
        return None
    return latest


def _language(tag: _Tag, where: str, problems: ProblemList) -> str | None:
    match = _IN_LANGUAGE.search(tag.manner) or _IN_LANGUAGE.search(tag.subject)
    if not match:
        return None
    if match["other"]:
        remedy = "Use English, Chinese, Japanese, Korean or Spanish."
        problems.add(where, f"{match['other'].capitalize()} is not among the spoken languages", remedy)
        return None
    return LANGUAGE_NAMES[match["known"].lower()]


def _delivery(tag: _Tag) -> str | None:
    words = [name for name, pattern in _EXPRESSIVE if pattern.search(tag.verb)][:1]
    nearby = " ".join(tag.subject.split()[-2:])
    words += [match.group() for text in (nearby, tag.manner) for match in _MANNER.finditer(text)]
    language = _IN_LANGUAGE.search(tag.manner)
    if language and language["how"]:
        words.append(language["how"].strip())
    return ", ".join(dict.fromkeys(words))[:100] or None
