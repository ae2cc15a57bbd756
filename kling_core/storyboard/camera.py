"""The grammar of camera words: shot sizes, angles and moves in a director's text, and the usual amount of each move."""

from __future__ import annotations

import re

from kling_core.storyboard.storyboard import CameraMove

# Metres for dolly, truck and pedestal; degrees for pan, tilt, roll and orbit; focal factor for zoom; strength of the
# sway for handheld. Chosen so that a normal move is plain to see in a shot of three seconds and keeps its subject.
_AMOUNTS = {
    "static": (0.0, 0.0, 0.0),
    "dolly": (0.35, 0.6, 1.0),
    "truck": (0.4, 0.8, 1.4),
    "pedestal": (0.25, 0.45, 0.8),
    "pan": (10.0, 20.0, 40.0),
    "tilt": (6.0, 12.0, 25.0),
    "roll": (5.0, 12.0, 30.0),
    "zoom": (1.25, 1.5, 2.5),
    "orbit": (40.0, 75.0, 150.0),
    "follow": (1.0, 1.0, 1.0),
    "handheld": (0.6, 1.0, 1.6),
}
_DIRECTIONS = {
    "dolly": "in", "truck": "right", "pedestal": "up", "pan": "right", "tilt": "up", "roll": "clockwise", "zoom": "in",
    "orbit": "right",
}
_LEGAL_DIRECTIONS = {
    "dolly": ("in", "out"), "zoom": ("in", "out"), "truck": ("left", "right"), "pan": ("left", "right"),
    "orbit": ("left", "right", "clockwise", "counterclockwise"), "pedestal": ("up", "down"), "tilt": ("up", "down"),
    "roll": ("clockwise", "counterclockwise", "left", "right"),
}
_UNITS = {
    "dolly": "metre", "truck": "metre", "pedestal": "metre", "pan": "degree", "tilt": "degree", "roll": "degree",
    "orbit": "degree", "zoom": "factor",
}


def usual_amount(kind: str, speed: str = "normal") -> float:
    """How far a move goes when nobody said so, in the unit of its kind (`CameraMove.amount`)."""
    return _AMOUNTS[kind][("slow", "normal", "fast").index(speed)]


def usual_direction(kind: str) -> str | None:
    return _DIRECTIONS.get(kind)


def legal_directions(kind: str) -> tuple[str, ...]:
    """Directions in which a kind of move can go; empty for moves that have none."""
    return _LEGAL_DIRECTIONS.get(kind, ())


# In parentheses after "Shot 1" a bare word is enough ("wide"); in prose it must be said of a shot ("wide shot").
_SHOT_WORD = r"(?:[ -](?:shot|angle|view|framing))"
_SIZES = (
    ("extreme close", r"extreme[ -]close(?:[ -]?ups?)?|big[ -]close[ -]?ups?|\becu\b|macro{shot}"),
    ("close", r"medium[ -]close(?:[ -]?ups?)?|\bmcu\b|close[ -]?ups?|\bcu\b|close{shot}"),
    ("wide", r"(?:extreme|very)[ -](?:wide|long){shot}|establishing{shot}|wide{shot}|long{shot}|panorama"),
    ("full", r"full(?:[ -](?:body|length|figure))?{shot}|full[ -](?:body|length)"),
    ("insert", r"insert(?:{shot}| of\b|:)|detail{shot}"),
    ("medium", r"(?:medium|mid|waist|cowboy|american){shot}|(?:two|three)[ -]?shot|\b[23][ -]shot"),
)
_OPENING_SIZE = re.compile(r"^\W*(wide|full|medium|close|insert)\b(?=\s+on\b|\s*[,.:;]|\s*$)", re.IGNORECASE)


def _size_pattern(shot_word: str) -> re.Pattern[str]:
    parts = (f"(?P<{size.replace(' ', '_')}>{words.replace('{shot}', shot_word)})" for size, words in _SIZES)
    return re.compile(r"\b(?:" + "|".join(parts) + r")(?![\w])", re.IGNORECASE)


_SIZE_IN_PROSE, _SIZE_AS_ATTRIBUTE = _size_pattern(_SHOT_WORD), _size_pattern(_SHOT_WORD + "?")

_ANGLES = (
    ("over shoulder", r"over[ -](?:the|his|her|their)[ -]shoulder|\bots\b|over\s+\S{1,30}?(?:['’]s)?\s+shoulder"),
    ("pov", r"\bpov\b|point[ -]of[ -]view"),
    ("low", r"low[ -]angle|worm['’]?s[ -]eye|from below"),
    ("high", r"high[ -]angle|bird['’]?s[ -]eye|overhead|top[ -]down|from above"),
    ("eye", r"eye[ -]level"),
)
_ANGLE = re.compile("|".join(f"(?P<{a.replace(' ', '_')}>{words})" for a, words in _ANGLES), re.IGNORECASE)


def find_size(text: str, *, attribute: bool = False) -> str | None:
    """The shot size a text asks for. `attribute`: bare words count, as in "Shot 1 (wide)"."""
    match = (_SIZE_AS_ATTRIBUTE if attribute else _SIZE_IN_PROSE).search(text)
    if match:
        return match.lastgroup.replace("_", " ")
    match = _OPENING_SIZE.match(text)
    return match.group(1).lower() if match else None


def find_angle(text: str) -> str | None:
    match = _ANGLE.search(text)
    return match.lastgroup.replace("_", " ") if match else None


_MOVES = (
    ("dolly", "in", r"push(?:es|ing)?[ -]?in\b|mov(?:e|es|ing)[ -](?:in|closer)\b|creep(?:s|ing)?[ -]in\b"),
    ("dolly", "out", r"pull(?:s|ing)?[ -]?(?:out|back)\b|mov(?:e|es|ing)[ -](?:out|away)\b"),
    ("dolly", None, r"doll(?:y|ies|ying)\b|track(?:s|ing)?(?=[ -](?:in|out|back|forwards?)\b)"),
    ("truck", None, r"truck(?:s|ing)?\b|lateral(?:ly)?(?: track(?:s|ing)?)?|slid(?:e|es|ing)\b|crab(?:s|bing)?\b"
                    r"|track(?:s|ing)?(?=[ -](?:to the )?(?:left|right)\b)|sideways track(?:s|ing)?"),
    ("follow", None, r"follow(?:s|ing)?(?:[ -]shot)?\b|track(?:s|ing)(?:[ -]shot)?\b|track\b|steadicam"),
    ("pedestal", None, r"pedestal(?:s|ling)?\b|cran(?:e|es|ing)(?:[ -]shot)?\b|jib(?:s|bing)?\b|boom(?:s|ing)?\b"),
    ("pedestal", "up", r"(?:rise|rises|rising|ascend|ascends)\b"),
    ("pedestal", "down", r"(?:descend|descends|lower|lowers|sink|sinks)\b"),
    ("pan", None, r"pan(?:s|ning)?\b"),
    ("tilt", None, r"tilt(?:s|ing)?\b"),
    ("roll", None, r"(?:barrel )?roll(?:s|ing)?\b"),
    ("zoom", None, r"zoom(?:s|ing)?\b"),
    ("orbit", None, r"orbit(?:s|ing)?\b|arc(?:s|ing)?\b|circl(?:e|es|ing)\b|revolv(?:e|es|ing)\b"),
    ("handheld", None, r"hand[ -]?held\b|shaky\b"),
    ("static", None, r"static\b|locked(?:[ -]off)?\b|fixed\b|still\b|tripod\b|no camera (?:move|movement|motion)\b"),
)
_MOVE = re.compile(
    r"\b(?:" + "|".join(f"(?P<m{i}>{words})" for i, (_, _, words) in enumerate(_MOVES)) + ")", re.IGNORECASE
)
_CLAUSE_BREAK = re.compile(r"[,;:!?\n]|\.(?!\d)|\bthen\b|\bbefore\b", re.IGNORECASE)
_SPEEDS = (
    ("slow", re.compile(r"\b(?:(?:slow|gradual|soft)(?:ly)?|gentle|gently|subtle|subtly)\b", re.IGNORECASE)),
    ("fast", re.compile(r"\b(?:(?:quick|rapid|swift|sudden)(?:ly)?|fast|crash|snap|whip)\b", re.IGNORECASE)),
)
_DIRECTION = re.compile(
    r"\b(?:(?P<counterclockwise>(?:counter|anti)-?clockwise)|(?P<clockwise>clockwise)|(?P<left>left)|(?P<right>right)"
    r"|(?P<up>up|upwards?)|(?P<down>down|downwards?)|(?P<in>in|into|forwards?|closer)"
    r"|(?P<out>out|back|backwards?|away))\b",
    re.IGNORECASE,
)
_FROM_TO = re.compile(r"\b(?:from )?(?:the )?(?:left|right)[ -]to[ -](?:the )?(left|right)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?P<number>\d{1,3}(?:\.\d+)?)[ -]?(?:(?P<degree>°|degrees?\b|deg\b)|(?P<metre>m\b|met(?:re|er)s?\b)"
    r"|(?P<factor>x\b|×|times\b))|\b(?P<circle>360|180|90)\b",
    re.IGNORECASE,
)
# A clause of prose speaks of the camera when it says so, or when it opens with a move ("Slow push-in on her face").
_CAMERA_WORD = re.compile(
    r"\bcamera\b|\blens\b|\bdolly\b|\bhand[ -]?held\b|\b(?:tracking|crane|static|orbit|zoom|pan|truck|tilt)[ -]shot\b"
    r"|\b(?:crash|rapid|slow|fast|snap)[ -]zoom\b|\bzooms? (?:in|out)\b|\bwhip[ -]pan\b"
    r"|\b(?:push|pull)-(?:in|out|back)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"(?:(?:then|and|with|a|an|the|we|very|slow|slowly|gentle|gently|gradual|subtle|fast|quick|quickly|rapid|crash|snap"
    r"|whip|smooth|steady|half|full|lateral|degrees?|\d+°?)\b)",
    re.IGNORECASE,
)
# People do these too, so in prose they are moves of the camera only in a clause that speaks of it.
_AMBIGUOUS = re.compile(
    r"(?:rise|rises|rising|lowers?|sinks?|descends?|still|fixed|locked|(?:slid|roll|follow|mov|pull|push|circl)\w*(?:s|ing)\b.*)",
    re.IGNORECASE,
)


def find_moves(text: str, *, attribute: bool = False) -> tuple[CameraMove, ...]:
    """Camera moves in a text, in its order. `attribute`: the whole text speaks of the camera."""
    text = _FROM_TO.sub(r"\1", text)
    moves: list[CameraMove] = []
    camera_goes_on = False
    for clause in _CLAUSE_BREAK.split(text):
        matches = list(_MOVE.finditer(clause))
        opens = bool(matches) and not _OPENING.sub("", clause[: matches[0].start()]).strip(" -°\u2013\u2014")
        plain = opens and not _AMBIGUOUS.fullmatch(matches[0].group())
        camera_goes_on = bool(_CAMERA_WORD.search(clause)) or plain or (opens and camera_goes_on)
        if attribute or camera_goes_on:
            edges = [0, *(match.start() for match in matches[1:]), len(clause)]
            moves += [_move(match, clause, edges[i], edges[i + 1]) for i, match in enumerate(matches)]
    return tuple(moves)


def _move(match: re.Match[str], clause: str, start: int, stop: int) -> CameraMove:
    """The move at `match`, with the direction, speed and amount that its stretch of the clause gives it."""
    kind, direction, _ = _MOVES[int(match.lastgroup[1:])]
    stretch, after = clause[start:stop], clause[match.end(): stop]
    written = [found.lastgroup for found in _DIRECTION.finditer(after + " " + clause[start: match.start()])]
    if kind == "dolly" and direction is None and written and written[0] in ("left", "right"):
        kind = "truck"
    if direction is None:
        direction = next((word for word in written if word in legal_directions(kind)), None)
    speed = next((name for name, words in _SPEEDS if words.search(stretch)), "normal")
    return CameraMove(kind=kind, direction=direction, amount=_amount(kind, stretch), speed=speed)


def _amount(kind: str, stretch: str) -> float | None:
    for match in _AMOUNT.finditer(stretch):
        if match["circle"]:
            unit, number = "degree", float(match["circle"])
        else:
            unit = next(name for name in ("degree", "metre", "factor") if match[name])
            number = float(match["number"])
        if _UNITS.get(kind) == unit and 0 < number <= 360:
            return number
    return None
