"""A director's description as sentences of a prompt, without the dialogue that it holds.

Descriptions of a script hold their dialogue too ("Leo smiles. Leo says, “Hi!”"), while prompts have a form of their own
for lines; said twice, a line is spoken twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from kling_core.errors import ProblemList
from kling_core.prompts.users_words import harmless, without_at
from kling_core.prompts.writer import Piece
from kling_core.storyboard.dialogue import SPEECH_VERB
from kling_core.storyboard.masking import NAME, QUOTE, Masked, mask

_BREAK = ".!?。！？…;；"
_SENTENCE = re.compile(rf"(?:[^{_BREAK}]|(?<=\d)\.(?=\d))+[{_BREAK}]*")
_ARTICLE = re.compile(rf"\b(?:the|el|la) (?={NAME})", re.IGNORECASE)
_LINKING = frozenset("and then also but as while y luego who the ,".split())
_PRONOUN = r"(?:she|he|they|it|ella|él|她|他|彼女|彼)"
_OTHER_VERB = re.compile(
    r"\b(?:dice|pregunta|responde|contesta|susurra|grita|exclama|murmura|añade|explica)n?\b"
    r"|(?:[轻低大小]声)?(?:地)?(?:说|說|问|問|喊|叫道|答|回答)(?:道)?", re.IGNORECASE,
)
_VERB = f"(?:{SPEECH_VERB.pattern}|{_OTHER_VERB.pattern})"
# "Mira:", "Mira (softly):", and with the particle and adverb that precede a Japanese or Korean quotation.
_NAME_TAG = re.compile(
    rf"(?:{NAME}|\b{_PRONOUN}\b)\s*(?:の声|は|が|도|은|는|이|가)?(?:[^\s、,。]{{1,6}}[にく])?"
    r"\s*(?:\([^()]*\))?\s*[,，:：、]?\s*$",
    re.IGNORECASE,
)
_VERB_AFTER = re.compile(r"\s*(?:と|って|이?라고|하고|고)[^.!?。！？\n]*")
_TAG_AFTER = re.compile(
    rf"\s*[,，]?\s*(?:(?:{NAME}|{_PRONOUN})\s+(?:\w+ly\s+)?{_VERB}|{_VERB}\s+(?:{NAME}|{_PRONOUN}))"
    rf"(?:\s+\w+ly\b|\s+in\s+[^,.;!?{QUOTE[1:-1]}]*)?",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"\s*[,，]?\s*(?:and|then|y)\s+(?=[a-z])|\s*,\s*(?=\w+ing\b)")
_ASIDE = re.compile(r"\b(?:off[- ]?(?:screen|camera)|(?:in )?(?:a )?voice[- ]?over)\b,?", re.IGNORECASE)


def told(
    description: str, lines: Iterable[tuple[str, str]], names: Iterable[str], call: Callable[[str], str]
) -> list[Piece]:
    """The director's description as sentences, without the speech that `lines` repeat: speakers and what they say.

    `call` gives what the model calls an element of `names`. A sentence that names one element belongs to it. Quotations
    that nobody speaks stay, as writing that is to be seen.
    """
    masked = mask(harmless(description), names, ProblemList())
    body = _cut_speech(masked, {_bare(harmless(text)): speaker for speaker, text in lines})
    pieces = []
    for sentence in _SENTENCE.findall(body):
        sentence = _tidy(sentence)
        if set(re.sub(NAME, "", sentence).lower().rstrip(_BREAK).split()) - _LINKING:
            owners = {masked.name(found) for found in re.findall(NAME, sentence)}
            pieces.append(Piece(_shown(sentence, masked, call), owners.pop() if len(owners) == 1 else None))
    return pieces


def _cut_speech(masked: Masked, lines: dict[str, str]) -> str:
    """The masked text without the quotations that are lines, and without the words that only say who says them.

    lines: speakers by what they say. What goes on about them after their words has them for its subject.
    """
    kept, at = "", 0
    text = masked.text
    for quote in re.finditer(QUOTE, text):
        if _bare(masked.said(quote.group())) not in lines:
            continue
        before = text[at: quote.start()]
        opening = max((before.rfind(mark) for mark in _BREAK), default=-1) + 1
        tag = before[opening:]
        at = quote.end()
        after = _VERB_AFTER.match(text, at) or (None if re.search(r"\w|" + NAME, tag) else _TAG_AFTER.match(text, at))
        if after:
            at = after.end()
        goes_on = _GOES_ON.match(text, at)
        if goes_on:
            at = goes_on.end()
        speaker = _name_of(lines[_bare(masked.said(quote.group()))], masked)
        kept += f"{before[:opening]} {_deed(tag)}. {speaker + ' ' if goes_on else ''}"
    return kept + text[at:]


def _name_of(speaker: str, masked: Masked) -> str:
    """The character that stands for a speaker in a masked text, none where only pronouns speak of them."""
    return next((found for found in re.findall(NAME, masked.text) if masked.name(found) == speaker), "")


def _deed(tag: str) -> str:
    """What somebody does besides speaking: "Mira leans closer and says softly," is left as "Mira leans closer"."""
    tag = _ASIDE.sub("", tag)
    verbs = [*SPEECH_VERB.finditer(tag), *_OTHER_VERB.finditer(tag)]
    if not verbs:
        return _NAME_TAG.sub("", tag)
    words = tag[: max(verbs, key=lambda verb: verb.start()).start()].split()
    if words and words[-1].endswith("ly"):
        words.pop()
    while words and (words[-1].lower() in _LINKING or _only_names(words)):
        words.pop()
    return " ".join(words)


def _only_names(words: list[str]) -> bool:
    """Whether the last of `words` does no more than name the one who is about to speak."""
    before = words[-2] if len(words) > 1 else ","
    return bool(re.fullmatch(rf"(?:{NAME}|{_PRONOUN}),?", words[-1], re.IGNORECASE)) and (
        before in _LINKING or before[-1] in ",，、"
    )


def _tidy(sentence: str) -> str:
    sentence = re.sub(r"^[\s,，、:：.;；。]+", "", sentence).strip()
    sentence = re.sub(r"[\s,，、:：;；]+(?=[.]*$)", "", sentence)
    return sentence if not sentence or sentence[-1] in _BREAK else sentence + "."


def _shown(sentence: str, masked: Masked, call: Callable[[str], str]) -> str:
    sentence = _ARTICLE.sub("", sentence)
    for found in set(re.findall(NAME, sentence)):
        sentence = sentence.replace(found, call(masked.name(found)))
    for found in set(re.findall(QUOTE, sentence)):
        sentence = sentence.replace(found, f'"{masked.said(found)}"')
    return without_at(sentence[:1].upper() + sentence[1:])


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
