"""What people have in their hands, as English words tell it."""

from __future__ import annotations

import re

from kling_core.storyboard.negation import is_negated

BALLS = "ball|basketball|football"
BICYCLES = "bicycle|bike"
_HOLDING = (
    r"(?:hold|grab|clutch|grip|hug|push|rais|lift|read|pull)(?:e?s|ing)?|carr(?:y|ies|ying)|ha(?:s|ve|ving)"
    r"|tak(?:es?|ing)|bring(?:s|ing)?|us(?:es?|ing)|(?:drag|lug)(?:s|ging)?|haul(?:s|ing)?"
    r"|(?:scroll|typ|swip)(?:e?s|ing)? (?:on|through)|text(?:s|ing)? on"
)
_HAVING = rf"{_HOLDING}|with"
_LOOKING = r"(?:look(?:s|ing)? at|check(?:s|ing)?) (?:[\w'’-]+ ){0,3}?"
_BOOKS, _PHONES = "book|novel|notebook|diary", "phone|smartphone|cell ?phone|mobile"
_DRINKS = "cup|mug|coffee|tea|glass"
_PHONING = (  # on the phone somebody talks; on her phone she looks
    r"(?<!scrolls )(?<!scrolling )on the phone"
    r"|(?:speak(?:s|ing)?|calls?|calling)(?: \w+){0,2}? on (?:her|his|a) (?:phone|mobile)"
    r"|(?:into|answers) (?:the|her|his|a) (?:phone|mobile)|phones"
)
_PROPS = tuple(
    (prop, re.compile(rf"\b(?:(?:{_HAVING})(?: up)? (?:[\w'’-]+ ){{0,3}}?(?:{nouns})|{phrases})\b", re.IGNORECASE))
    for prop, nouns, phrases in (
        ("cup", _DRINKS, rf"(?:drink|sip)(?:s|ping|ing)?(?: \w+){{0,3}}? (?:water|{_DRINKS})"),
        ("book", _BOOKS, rf"reading(?= *$)|reading quietly|{_LOOKING}(?:{_BOOKS})"),
        (
            "phone", _PHONES,
            rf"{_PHONING}|(?:is|are) on (?:her|his|their) (?:phone|mobile)s?|{_LOOKING}(?:{_PHONES})",
        ),
        ("umbrella", "umbrella|parasol", r"under (?:\w+ ){1,2}(?:umbrella|parasol)"),
        ("bag", "bag|handbag|suitcase|shopping bag|basket", r"shopping bags? in (?:her|his) hand"),
        ("ball", BALLS, r"ball in (?:her|his) hands?"),
        ("jug", "jug|pitcher|teapot|kettle", r"jug in (?:her|his) hand"),
        ("bicycle", BICYCLES, rf"(?:beside|next to) (?:her|his|a) (?:{BICYCLES})"),
    )
)
HOLDS_SOMETHING = re.compile(rf"\b(?:{_HOLDING}|(?:check|drink|sip)(?:s|p?ing)?)\b", re.IGNORECASE)
HOLDS_NO_THING = re.compile(
    r"\b(?:hold|catch|keep|rais|lift)(?:e?s|ing)? (?:her|his|their) "
    r"(?:breath|balance|gaze|ground|tongue|head|chin|nose|stomach|hips?|eyebrows?|eyes|voice)\b", re.IGNORECASE,
)
HAS_SOMETHING = re.compile(rf"\b(?:{_HAVING})(?: [\w'’-]+){{1,4}}", re.IGNORECASE)
ON_A_BICYCLE = re.compile(rf"\b(?:on|by) (?:[\w'’-]+ ){{0,3}}?(?:{BICYCLES})s?\b", re.IGNORECASE)
ON_THE_PHONE = re.compile(rf"\b(?:{_PHONING})\b", re.IGNORECASE)


def find_prop(text: str) -> str | None:
    """The first thing that these words put into somebody's hands, None for none."""
    found = [
        (match.start(), prop) for prop, words in _PROPS for match in words.finditer(text)
        if not is_negated(text, match.start())
    ]
    return min(found)[1] if found else None
