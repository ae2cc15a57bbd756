"""Where and when a text plays, and how a shot begins: words of place, time of day and transition."""

from __future__ import annotations

import re

_SHOPS = r"baker(?:y|ies)|shops?|stores?(?! for)|supermarkets?|grocer(?:y|ies|'s)|boutiques?|market stalls?|check-?out"
_PLACES = (
    ("night street", r"night(?:time)? street|neon street|street(?:s)? (?:at|by) night"),
    ("beach", r"beach|seaside|sea ?shore|shore|coast|ocean|by the sea"),
    ("street", r"streets?|city|town|alley|avenue|sidewalk|pavement|plaza|square|market(?! stall)|store ?front"
               r"|(?:shop|store|bakery) windows?"),
    ("shop", _SHOPS),
    ("classroom", r"class ?rooms?|school ?rooms?|school(?!-?(?: ?yard| ?bus| ?bag))|lectures?"
                  r"|black ?boards?|chalk ?boards?"),
    ("road", r"roads?|road ?side|highways?|motorways?|freeways?|country lanes?"),
    ("room", r"room|indoors|inside the house|kitchen|office|bedroom|apartment|flat|caf[eé]|restaurant|library|hallway"),
    ("studio", r"studio|sound ?stage|white background|plain background|backdrop"),
    # Not "on stage left" (a position), "at this stage" (a time).
    ("stage", r"(?<!centre )(?<!center )(?<!this )(?<!that )(?<!early )(?<!late )(?<!next )(?<!last )(?<!first )stage"
              r"(?!-?(?: ?left| ?right| of\b))|theat(?:re|er)s?|concerts?|auditorium|opera|spotlights?"),
    ("park", r"park|garden|forest|woods|meadow|lawn|orchard"),
)
_TIMES = (
    ("sunset", r"sunset|sundown|dusk|golden hour|dawn|sunrise|twilight|evening"),
    ("night", r"night(?:time)?|midnight|moonlit|moonlight|after dark"),
    ("day", r"day(?:time|light)?|morning|noon|midday|afternoon|sunny|broad daylight"),
)


def _pattern(table: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    return re.compile(
        r"\b(?:" + "|".join(f"(?P<{name.replace(' ', '_')}>{words})" for name, words in table) + r")\b", re.IGNORECASE
    )


_PLACE, _TIME = _pattern(_PLACES), _pattern(_TIMES)
# In prose a place counts after a word that puts people there, so that "a street dog" is not a street.
_IN_PLACE = re.compile(
    r"\b(?:in|on|at|along|down|across|through|of|by|near|inside|into|onto|around|from|under)\s+(?:(?:the|a|an|some|his|her|their)\s+)?"
    r"(?:\w+\s+){0,2}?(?=" + _PLACE.pattern + ")",
    re.IGNORECASE,
)
# Whoever is outside a shop is in the street.
_OUTSIDE = re.compile(
    r"\b(?:outside|in front of|opposite|past|passing|passes)\s+(?:of\s+)?(?:(?:the|a|an|some|his|her|their)\s+)?"
    r"(?:\w+\s+){0,2}?(?:" + _SHOPS + r")\b",
    re.IGNORECASE,
)
_TRANSITION = re.compile(r"\b(?:(?P<dissolve>(?:cross[- ]?)?dissolve)|(?P<fade>fade)|(?P<cut>cut))\b", re.IGNORECASE)
_TRANSITION_OPENING = re.compile(
    r"\W*(?:(?P<dissolve>(?:cross[- ]?)?dissolve (?:to|from|into)\b)|(?P<fade>fade (?:in|to|from)\b)"
    r"|(?P<cut>cut to\b))",
    re.IGNORECASE,
)
_TRANSITION_AHEAD = re.compile(
    r"\b(?:(?:cross[- ]?)?(?P<dissolve>dissolve)|(?P<fade>fade)|(?P<cut>cut))s? to(?: black)?\W*$", re.IGNORECASE
)


def find_place(text: str, *, attribute: bool = False) -> str | None:
    """The place a text names, one of storyboard.PLACES. `attribute`: a bare word is enough ("Shot 1 (3s, beach)")."""
    if attribute:
        match = _PLACE.search(text)
    else:
        within = _IN_PLACE.search(text)
        match = _PLACE.match(text, within.end()) if within else None
    outside = _OUTSIDE.search(text)
    if outside and not (match and match.start() < outside.start()):
        place = "street"
    elif match:
        place = match.lastgroup.replace("_", " ")
    else:
        return None
    return "night street" if place == "street" and find_time_of_day(text) == "night" else place


def find_time_of_day(text: str) -> str | None:
    match = _TIME.search(text)
    return match.lastgroup if match else None


def find_transition(text: str, *, attribute: bool = False) -> str | None:
    """The transition that a text opens with: "dissolve", "fade" or "cut". `attribute`: the bare word is enough."""
    match = _TRANSITION.search(text) if attribute else _TRANSITION_OPENING.match(text)
    return match.lastgroup if match else None


def split_transition_ahead(text: str) -> tuple[str, str | None]:
    """A shot's text without the words that lead over to the next shot ("… Dissolve to:"), and that transition."""
    match = _TRANSITION_AHEAD.search(text)
    return (text[: match.start()], match.lastgroup) if match else (text, None)
