"""Who is in a shot and what they do: subjects, verbs, positions and expressions in a shot's text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kling_core.storyboard.camera import find_moves
from kling_core.storyboard.dialogue import SPEECH_VERB
from kling_core.storyboard.gloss import gloss
from kling_core.storyboard.hearing import hear_action, hear_expression, hear_prop, is_sure
from kling_core.storyboard.masking import NAME, QUOTE, Masked
from kling_core.storyboard.negation import denies, is_negated
from kling_core.storyboard.props import (
    BALLS,
    HAS_SOMETHING,
    HOLDS_NO_THING,
    HOLDS_SOMETHING,
    ON_A_BICYCLE,
    ON_THE_PHONE,
    find_prop,
)
from kling_core.storyboard.storyboard import Action, Heard


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\ba )(?<!\ban )(?<!\bthe )\b(?:{text})\b", re.IGNORECASE)


_NO_BICYCLE = (
    r"(?:bus|train|tram|metro|subway|car|taxi|van|truck|lorry|horse|pony|donkey|camel|elephant|elevator|lift|escalator"
    r"|boat|ship|ferry|wave|motorcycle|motorbike|scooter|skateboard|roller ?coaster|carousel|plane)s?"
)
_OTHER_MOUNT = re.compile(rf"\b{_NO_BICYCLE}\b", re.IGNORECASE)
_VERBS = (
    ("walk", _words(
        r"walk(?:s|ed|ing)?|stroll(?:s|ing)?|runs?|running|jog(?:s|ging)?|strid(?:es?|ing)|wander(?:s|ing)?"
        r"|cross(?:es|ing)|pass(?:es|ing)?|approach(?:es|ing)?|enter(?:s|ing)?|hurr(?:y|ies|ying)|rush(?:es|ing)?"
        r"|steps|stepping|march(?:es|ing)?|comes?|coming|goes|going|leaves|leaving|disappear(?:s|ing)?"
        r"|(?:saunter|swagger|strut|sprint|dash|hik|trudg|ambl)(?:e?s|t?ing)")),
    ("wave", _words(r"waves?|waving")),
    ("turn", _words(r"turn(?:s|ing)?|spin(?:s|ning)?")),
    ("point", _words(r"point(?:s|ing)? (?:at|to|towards?|out|left|right|up|down|into|with)|points|pointing")),
    ("nod", _words(r"nods?|nodding")),
    ("sit", _words(r"sits?|sitting|seated")),
    ("pour", _words(r"pours?|pouring")),
    ("bounce", _words(
        r"bounc(?:es?|ing)|dribbl(?:es?|ing)"
        rf"|(?:pat(?:s|ting)?|play(?:s|ing)?(?: with)?) (?:[\w'’-]+ ){{0,3}}?(?:{BALLS})")),
    ("dance", _words(
        r"danc(?:es?|ing)|(?:spin|sway|mov)(?:e?s|n?ing)(?: around)? to (?:the |some )?music|twirl(?:s|ing)?"
        r"|(?:waltz|tango|moonwalk|break ?danc)(?:e?s|ing)")),
    ("embrace", _words(
        r"hugs?|hugging|embrac(?:es?|ing)|cuddl(?:es?|ing)"
        rf"|(?:holds?|holding)(?= (?:at )?{NAME}(?!['’]s))"
        rf"|(?:takes?|taking) {NAME} (?:\w+ )?in (?:her|his|their) arms")),
    ("ride", _words(
        rf"rid(?:es?|ing)(?!(?: [\w'’-]+){{0,3}}? {_NO_BICYCLE}\b)|cycl(?:es|ing)|bik(?:es|ing)|pedal(?:s|l?ing)")),
    ("talk", _words(r"talk(?:s|ing)?|chat(?:s|ting)?|discuss(?:es|ing)?")),
    ("stand", _words(
        r"stand(?:s|ing)?|waits?|waiting|lean(?:s|ing)?|look(?:s|ing)?|watch(?:es|ing)?|gaz(?:es?|ing)|star(?:es?|ing)"
        r"|glanc(?:es?|ing)|fac(?:es|ing)|listen(?:s|ing)?")),
)
_KNOWN_VERBS = tuple(words for _, words in _VERBS)
_IMPLIED = {"bounce": "ball", "pour": "jug", "ride": "bicycle"}
_HANDS_FULL = ("pour", "bounce", "dance", "embrace", "ride")
_EXPRESSIONS = (
    ("joy", _words(r"smil(?:es?|ing|ingly)|grin(?:s|ning)?|laugh(?:s|ing)?|happy|happily|joy(?:ful|fully)?"
                   r"|cheerful(?:ly)?|delighted(?:ly)?|beam(?:s|ing)|glad(?:ly)?|excited(?:ly)?|warmly")),
    ("sadness", _words(r"sad(?:ly|ness)?|cr(?:ies|ying)(?! out)|weep(?:s|ing)?|tear(?:s|ful|fully)|sob(?:s|bing)?"
                       r"|unhapp(?:y|ily)|sorrow(?:ful|fully)?|melanchol(?:y|ic)|disappointed(?:ly)?|gloomy|gloomily")),
    ("surprise", _words(r"surpris(?:ed|e|edly)|astonish(?:ed|ment)|amazed|amazement|shocked|gasp(?:s|ing)?|startled"
                        r"|stunned|wide-eyed|disbelief|incredulous(?:ly)?|eyes widen"
                        r"|(?:can(?:not|['’]t)|unable to) believe")),
    ("anger", _words(r"ang(?:ry|rily|er)|furious(?:ly)?|frown(?:s|ing)?|scowl(?:s|ing)?|glar(?:es|ing)|annoyed"
                     r"|irritated|rage")),
    ("fear", _words(r"afraid|scared|fear(?:ful|fully)?|frighten(?:ed)|terrified|terror|nervous(?:ly)?|anxious(?:ly)?"
                    r"|worried|panick?(?:ed|s|ing)?")),
)

_POSITION = re.compile(
    r"\b(?:on|at|in)\s+(?:the\s+|screen\s+|camera\s+|her\s+|his\s+)?(?:far\s+)?(?P<a>left|right|cent(?:er|re)|middle)\b"
    r"(?!\s+(?:hand|arm|eye|foot|leg|shoulder))"
    r"|\b(?:screen|frame|camera|stage)[- ](?P<b>left|right|cent(?:er|re))\b"
    r"|\bto\s+the\s+(?P<c>left|right)\s+of\b|\b(?P<d>left|right)\s+of\s+(?:the\s+)?frame\b",
    re.IGNORECASE,
)
_DIRECTION = re.compile(
    r"\b(?:(?:from\s+)?(?:the\s+)?(?:left|right)[- ]to[- ](?:the\s+)?(?P<a>left|right)"
    r"|(?:to|towards?)\s+(?:the\s+)?(?P<b>left|right)\b(?!\s+of)"
    r"|(?P<c>left|right)wards?\b|(?P<d>left|right)\b(?!\s+of|\s+hand|\s+arm))",
    re.IGNORECASE,
)
_TOWARD_NAME = re.compile(
    rf"\b(?:to|at|towards?|up to|with|for|facing|faces|watch(?:es|ing)|past|by)\s+(?P<who>{NAME})"
)
_BEHIND = re.compile(
    r"\b(?:behind|past|passes|passing|around|by)\s+(?:by\s+)?(?:(?:a|an|the|one|some|another)\s+)?(?:[\w-]+\s+){0,2}?"
    r"(?:(?P<tree>tree|trunk|oak|pine|palm|birch|willow)|(?P<pillar>pillar|column|post|lamp[- ]?post))s?\b",
    re.IGNORECASE,
)

_NAME_LIST = re.compile(rf"{NAME}(?:\s*(?:,\s*and|,|and\b|y\b|e\b|&|\+|、|和)\s*{NAME})+")
_CLAUSE_BREAK = re.compile(
    rf"[,.;:!?，。；：！？、()（）\n—–]|{QUOTE}|\b(?:while|as|then|but|when|who|which|where|before|after|until|mientras|pero)\b"
    rf"|(?<=[^\s{NAME[1:-1]}])\s+and\s+(?!{NAME}\s*(?:[,.;!?]|$))",
    re.IGNORECASE,
)
_OBJECT_OF = re.compile(
    r"\b(?:to|at|with|behind|past|towards?|for|beside|near|of|on|onto|around|from|over|against|by|like|into|between"
    r"|follows?|following|reveals?|see|sees)\s*(?:the\s+)?$|\b\w+(?:s|ing)\s*$",
    re.IGNORECASE,
)
_FRAMED = re.compile(rf"\b(?:of|on|onto|follows?|following|reveals?|see|sees|by)\s+(?P<who>{NAME})", re.IGNORECASE)
_WITH = re.compile(rf"\b(?:with|beside|alongside)\s+(?P<who>{NAME})(?!['’]s)")
_GROUP_PRONOUN = re.compile(
    r"\b(?:they|them|both|the (?:two|pair)|each other|one another|two[- ]shot)\b", re.IGNORECASE
)
_PRONOUN = re.compile(r"\b(?:she|he|her|his|him)\b", re.IGNORECASE)
_STRANGER = re.compile(r"^\s*(?:an?|the|some|two|three|several|many|its)\s+\w+", re.IGNORECASE)
_CAMERA = re.compile(r"\bcamera\b|\blens\b|\bshot\b", re.IGNORECASE)
_OVER_SHOULDER = re.compile(rf"\b(?:over|past)\s+(?P<who>{NAME})(?:['’]s?)?\s+shoulder", re.IGNORECASE)
_UNSEEN = re.compile(
    rf"off[- ]?(?:screen|camera)|voice[- ]?over|\bv\.?o\.?\b|\bo\.s\.|\bvoice of\s+{NAME}|{NAME}['’]s voice",
    re.IGNORECASE,
)
_CLOSE_SIZES = ("close", "extreme close", "insert")


@dataclass
class _Part:
    """What one subject does in the shot, filled in while its text is read."""

    verb: str | None = None
    toward: str | None = None
    expression: str | None = None
    position: str | None = None
    behind: str | None = None
    prop: str | None = None
    heard: list[Heard] = field(default_factory=list)
    heard_toward: str | None = None


@dataclass(frozen=True)
class Staging:
    """subjects: most important first. actions: one for each of them that does anything worth saying."""

    subjects: tuple[str, ...]
    actions: tuple[Action, ...]


@dataclass
class _Reader:
    masked: Masked
    close: bool
    quotes: bool  # somebody says something: a verb of speech is no action then
    parts: dict[str, _Part] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)
    glanced: dict[str, None] = field(default_factory=dict)
    current: tuple[str, ...] = ()
    ahead: str | None = None  # the expression of words before the name they describe ("Terrified, Mira waits")

    def part(self, name: str) -> _Part:
        return self.parts.setdefault(name, _Part())

    def see(self, names: Sequence[str]) -> None:
        for name in names:
            self.seen.setdefault(name)


def stage_shot(
    body: str, masked: Masked, size: str | None, before: Sequence[str], language: str = "en"
) -> Staging:
    """Reads a shot's masked text. `before`: subjects of the shot before, for "she" and "they"."""
    reader = _Reader(masked, size in _CLOSE_SIZES, bool(re.search(QUOTE, body)))
    body = _NAME_LIST.sub(lambda found: "".join(re.findall(NAME, found.group())), body)
    for clause in _CLAUSE_BREAK.split(body):
        if clause and clause.strip():
            _read_clause(reader, gloss(clause, language), clause, before)
    nearest = _shoulder_owner(body, masked)
    seen = list(reader.seen)
    if not reader.close or not seen:
        seen += [name for name in reader.glanced if name not in reader.seen]
    if nearest:
        seen = [name for name in seen if name != nearest] + [nearest]
    actions = tuple(_action(name, reader.parts[name]) for name in seen if _says_something(reader.parts.get(name)))
    return Staging(tuple(seen), actions)


def find_expression(text: str) -> str | None:
    """The expression that a text's words give, None for none."""
    found = [
        (match.start(), expression) for expression, words in _EXPRESSIONS for match in words.finditer(text)
        if not is_negated(text, match.start())
    ]
    return min(found)[1] if found else None


def _read_clause(reader: _Reader, clause: str, written: str, before: Sequence[str]) -> None:
    """Reads a clause in English words; `written`: as the script has it."""
    names = [(match.start(), reader.masked.name(match.group())) for match in re.finditer(NAME, clause)]
    if _UNSEEN.search(clause):
        return
    subjects, verb_from = _subjects(reader, clause, names, before)
    others = [name for _, name in names if name not in subjects]
    framed = [reader.masked.name(match["who"]) for match in _FRAMED.finditer(clause)] if not subjects else []
    reader.see(subjects)
    reader.see(framed)
    if not reader.close or not subjects:
        reader.glanced.update(dict.fromkeys(others))
    about_camera = bool(_CAMERA.search(clause)) and not subjects
    if framed and not subjects:
        reader.current = tuple(framed)
    doers = subjects or (() if about_camera or _STRANGER.match(clause) else reader.current)
    if not doers and not about_camera:
        reader.ahead = find_expression(clause)
    if doers:
        reader.current = tuple(doers)
        _read_doing(reader, clause, clause[verb_from:], doers)
        if not about_camera and not (reader.quotes and SPEECH_VERB.search(clause)):
            _hear_doing(reader, clause, clause[verb_from:], written, doers, named=bool(subjects))
    _read_positions(reader, clause, names, doers)


def _subjects(
    reader: _Reader, clause: str, names: list[tuple[int, str]], before: Sequence[str]
) -> tuple[tuple[str, ...], int]:
    """The grammatical subjects of a clause and where its verb may begin; none when the clause names none."""
    for number, (at, name) in enumerate(names):
        if _OBJECT_OF.search(clause[:at]) or _OVER_SHOULDER.search(clause[max(0, at - 8):]):
            continue
        run = [name]
        for next_at, next_name in names[number + 1:]:
            if next_at == at + len(run):
                run.append(next_name)
        verb_from = at + len(run)
        run += [reader.masked.name(match["who"]) for match in _WITH.finditer(clause, verb_from)]
        return tuple(dict.fromkeys(run)), verb_from
    group = _GROUP_PRONOUN.search(clause)
    if group:
        everyone = tuple(reader.seen) if len(reader.seen) > 1 else tuple(before)
        everyone = everyone if len(everyone) > 1 else reader.masked.names.all
        return tuple(everyone), group.end()
    pronoun = _PRONOUN.search(clause)
    if pronoun and not names and not reader.current and before:
        return (before[0],), pronoun.end()
    return (), 0


def _read_doing(reader: _Reader, clause: str, after_subject: str, doers: Sequence[str]) -> None:
    verb, verb_at = _verb(after_subject)
    if verb in (None, "walk") and ON_A_BICYCLE.search(after_subject) and not denies(clause):
        verb = "ride"
    expression = find_expression(clause) or reader.ahead
    reader.ahead = None
    behind = _BEHIND.search(clause)
    toward = _toward(reader, after_subject[verb_at:], verb) if verb else None
    prop = find_prop(after_subject)
    prop = None if prop == _IMPLIED.get(verb) else prop
    if prop and verb in (None, "stand"):
        verb = "talk" if ON_THE_PHONE.search(after_subject) else "hold"
    if verb == "embrace" and toward:
        reader.see([toward])
    for name in doers:
        part = reader.part(name)
        if verb and part.verb in (None, "stand", "hold"):
            part.verb = verb
            part.toward = toward or part.toward
        part.prop = part.prop or prop
        part.expression = part.expression or expression
        if behind and verb:
            part.behind = part.behind or behind.lastgroup


def _hear_doing(
    reader: _Reader, clause: str, after_subject: str, written: str, doers: Sequence[str], named: bool
) -> None:
    """Asks the encoder for what the tables do not tell: an action where they know no verb, what somebody holds where
    they know neither that nor a verb, then an expression."""
    plain = _POSITION.sub(" ", written)
    told = any(words.search(after_subject) for words in (*_KNOWN_VERBS, ON_A_BICYCLE, HOLDS_NO_THING))
    told = told or denies(clause) or find_moves(clause)
    told = told or (HOLDS_SOMETHING.search(after_subject) and find_prop(after_subject))
    action = None if told else hear_action(plain, named)
    if action and action.read_as == "ride" and _OTHER_MOUNT.search(clause):
        action = action.model_copy(update={"read_as": None})
    action, prop = _hear_prop(clause, after_subject, plain, action, bool(told))
    felt = any(words.search(clause) for _, words in _EXPRESSIONS) or denies(clause)
    expression = None if felt else hear_expression(plain)
    for name in doers:
        part = reader.part(name)
        if prop and part.prop is None and part.verb not in _HANDS_FULL:
            part.prop = prop.read_as
            part.verb = "hold" if part.verb in (None, "stand") and action is None else part.verb
            part.heard.append(prop)
        if action and not any(heard.field == "verb" and heard.read_as for heard in part.heard):
            part.heard.append(action)
            part.heard_toward = _toward(reader, after_subject, action.read_as) if action.read_as else None
        if expression and part.expression is None:
            part.expression = expression.read_as
            part.heard.append(expression)


def _hear_prop(
    clause: str, after_subject: str, written: str, action: Heard | None, told: bool
) -> tuple[Heard | None, Heard | None]:
    """The action and the prop that a clause tells, the prop by the encoder. A thing in somebody's hands says what an
    action is that the encoder is not sure of; one that it knows for unplayable ("repairs a bicycle") puts no thing
    there."""
    had = HAS_SOMETHING.search(after_subject)
    words = (had.group() if had else None) if told else written
    full = action is not None and (action.read_as in _HANDS_FULL or (action.read_as is None and is_sure(action)))
    if words is None or full or find_prop(after_subject) or denies(clause):
        return action, None
    prop = hear_prop(words)
    if prop and action and action.read_as is None:
        action = None
    return action, prop


def _verb(text: str) -> tuple[str | None, int]:
    """The first verb that is more than standing, else "stand", with its place; negated verbs do not count."""
    found = [
        (verb == "stand", match.start(), verb) for verb, words in _VERBS for match in words.finditer(text)
        if not is_negated(text, match.start())
    ]
    return (min(found)[2], min(found)[1]) if found else (None, 0)


def _toward(reader: _Reader, text: str, verb: str) -> str | None:
    embraced = re.search(NAME, text) if verb == "embrace" else None
    if embraced:
        return reader.masked.name(embraced.group())
    named = _TOWARD_NAME.search(text)
    if named:
        return reader.masked.name(named["who"])
    if verb in ("walk", "turn", "point", "stand", "talk", "sit", "hold", "ride"):
        direction = _DIRECTION.search(_POSITION.sub(" ", text))
        if direction:
            return next(group for group in direction.groups() if group).lower()
    return None


def _read_positions(
    reader: _Reader, clause: str, names: list[tuple[int, str]], doers: Sequence[str]
) -> None:
    for match in _POSITION.finditer(clause):
        side = next(group for group in match.groups() if group).lower()
        side = side if side in ("left", "right") else "center"
        nearest = [name for at, name in names if at < match.start()]
        for name in nearest[-1:] or tuple(doers)[:1]:
            reader.part(name).position = reader.part(name).position or side


def _shoulder_owner(body: str, masked: Masked) -> str | None:
    match = _OVER_SHOULDER.search(body)
    return masked.name(match["who"]) if match else None


def _says_something(part: _Part | None) -> bool:
    return part is not None and part != _Part()


def _action(name: str, part: _Part) -> Action:
    verb, toward, heard = part.verb or "stand", part.toward, part.heard
    nearest = next((one.read_as for one in heard if one.field == "verb" and one.read_as), None)
    if verb == "stand" and nearest:
        verb, toward = nearest, part.heard_toward or toward
    else:
        heard = [one for one in heard if one.field != "verb" or not one.read_as]
    return Action(
        subject=name, verb=verb, toward=toward if toward != name else None, expression=part.expression or "neutral",
        position=part.position, behind=part.behind, prop=part.prop, heard=tuple(heard),
    )
