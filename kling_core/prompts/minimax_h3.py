"""Prompts of MiniMax H3: the six sections of its reference mode and the three fields of its base mode.

The grammar (section names, tags, markers, camera words, 350 to 500 words of description) is that of the two guides that
MiniMax publishes with the weights (MiniMax-AI/MiniMax-H3, skills/h3-prompt-writing/references: ref-en, base-en).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.plan.moving_guide import is_guided
from kling_core.plan.plan import Plan, PlannedLine, PlannedShot
from kling_core.plan.references import Reference, References
from kling_core.prompts import film_grammar as film
from kling_core.prompts.negatives import positives
from kling_core.prompts.people import in_prose, who
from kling_core.prompts.prompt import Prompt
from kling_core.prompts.sound import LANGUAGES, ambience, deed_sounds, delivery_of, listed, speakers, voice_of
from kling_core.prompts.telling import Telling, within
from kling_core.prompts.users_words import spoken_text
from kling_core.prompts.writer import Piece, PromptWriter, sentences

if TYPE_CHECKING:
    from kling_core.elements.element import Cast

MOST_WORDS = 500
_KEPT = {
    "character": "the identity, face, hair, build and clothing are retained",
    "item": "the shape, colours and markings are retained",
    "scene": "the layout, materials and colours are retained",
}

_OWN_LOOKS = "Every person, thing and place has the looks of its own reference or description"


class _Tags:
    """What H3 calls everybody: the one place where ordinals become words."""

    def __init__(self, plan: Plan, cast: "Cast", references: References) -> None:
        self.prose = in_prose(cast)
        self.guide = references.guide
        self._references = references
        self.subjects = [name for name in plan.cast if references.of(name)]
        self._speakers = speakers(plan)

    def call(self, name: str) -> str:
        if name in self.subjects:
            return f"<Subject {self.subjects.index(name) + 1}>"
        return self.prose(name)

    def speaker(self, name: str) -> str:
        """" (S2)" for who is the second to be heard, nothing for who says nothing."""
        return f" (S{self._speakers.index(name) + 1})" if name in self._speakers else ""

    def voice(self, name: str) -> str | None:
        """The sound that an element's voice is taken from."""
        return next((tag(sound) for sound in self._references.of(name, "audio")), None)


def tag(reference: Reference) -> str:
    """What H3 calls a file that it is given: "<Picture 2>"."""
    kind = {"image": "Picture", "video": "Video", "audio": "Audio"}[reference.kind]
    return f"<{kind} {reference.ordinal}>"


def compile_references(plan: Plan, cast: "Cast", references: References) -> Prompt:
    """The six sections of the reference mode. Without references there is nothing to define: see `compile_base`."""
    if not references.items:
        return compile_base(plan, cast)
    tags = _Tags(plan, cast, references)
    telling = Telling(plan, cast, tags.call)
    writer = PromptWriter()
    writer.write("subject_definitions:\n" + "\n".join(_definitions(telling, tags, references)))
    writer.write(f"\n\nsummary:\n{_summary(telling, tags, references)}")
    writer.write("\n\nretention_analysis:\n" + "\n".join(_retention(telling, tags, references)))
    wanted, notes = positives(plan.negative)
    writer.write("\n\ndetailed_description:\n")
    where = f" and plays {telling.setting}" if telling.setting else ""
    # Said as what is wanted: there is no negative branch to say that nobody is to look like the guide's puppets.
    looks = [f"{_OWN_LOOKS}."] if tags.guide else []
    writer.write(" ".join([f"The target video is in a {telling.style} style{where}.", *looks, *wanted]))
    for shot, pieces in zip(plan.shots, _shots(telling, tags)):
        writer.write("\n")
        writer.write_shot(shot.index, pieces)
    writer.write(f"\n\noverall_soundscape:\n{_soundscape(plan)}\n\nnon_diegetic_music:\n{_music(telling)}")
    return writer.prompt(notes=[*telling.notes(), *telling.denials(), *notes])


def compile_base(plan: Plan, cast: "Cast", *, first_frame: bool = False, last_frame: bool = False) -> Prompt:
    """The three fields of the base mode. first_frame, last_frame: whether the model is given these pictures."""
    tags = _Tags(plan, cast, References())
    telling = Telling(plan, cast, tags.call)
    writer = PromptWriter()
    writer.write(_alignment(plan, first_frame, last_frame))
    wanted, notes = positives(plan.negative)
    style = " ".join([f"{telling.style[:1].upper()}{telling.style[1:]}.", *wanted])
    (mark, *first), *others = _shots(telling, tags)
    writer.write(f"integrated_multimodal_description: {mark.text}{style} ")  # said in shot 1, meant for all
    writer.write_shot(0, first)
    for number, pieces in enumerate(others, 1):
        writer.write(" ")
        writer.write_shot(number, pieces)
    writer.write(f"\n\noverall_soundscape: {_soundscape(plan)}\n\nnon_diegetic_music: {_music(telling)}")
    return writer.prompt(notes=[*telling.notes(), *telling.denials(), *notes])


def _alignment(plan: Plan, first: bool, last: bool) -> str:
    """The line that the base mode opens with when it is given pictures; the guide fixes its words."""
    shot, seconds = len(plan.shots), f"{plan.seconds:.2f}"
    align = "How the reference pictures align with the target video — "
    if first and last:
        return (f"{align}Picture 1 (from Shot 1) aligns with the 0.00-second mark of the target video; Picture 2 (from "
                f"Shot {shot}) aligns with the {seconds}-second mark of the target video.\n\n")
    if first:
        return "For the target video, at 0.00 seconds into the target video, <Picture 1> (from [Shot 1]) is fully " \
               "referenced.\n\n"
    if last:
        return f"{align}<Picture 1> (from [Shot {shot}]) aligns with the {seconds}-second mark of the target video.\n\n"
    return ""


def _definitions(telling: Telling, tags: _Tags, references: References) -> list[str]:
    lines = []
    for name in tags.subjects:
        shown = [_picture(item) for item in references.of(name, "image")]
        clips = [tag(item) for item in references.of(name, "video")]
        sources = [f"as shown in {listed(shown)}"] if shown else []
        sources += [f"{'moving' if shown else 'looking and moving'} as in {listed(clips)}"] if clips else []
        lines.append(f"{', '.join([f'{tags.call(name)} is {who(telling.cast[name])}', *sources])}.")
    if tags.guide:
        lines.append(f"{tag(tags.guide)} is the animated storyboard of the target video: it gives the camera movement, "
                     "the cuts, the pace and the place of everybody in the frame, acted by plain puppets on plain "
                     "sets.")
    for item in references.items:
        if item.kind == "audio":
            track = f"the synchronized audio track of <Video {item.soundtrack_of}> and " if item.soundtrack_of else ""
            owner = f"{tags.call(item.element)}{tags.speaker(item.element)}"
            lines.append(f"{tag(item)} is {track}the voice-timbre reference for {owner}.")
    return lines


def _picture(item: Reference) -> str:
    views = f"{listed(list(item.views))} view{'s side by side' if len(item.views) > 1 else ''}"
    return f"{tag(item)} ({views})" if item.views else tag(item)


def _summary(telling: Telling, tags: _Tags, references: References) -> str:
    kinds = {item.kind for item in references.items}
    tasks = [name for name, wanted in (("reference generation", {"image", "video"}), ("audio reference", {"audio"}))
             if kinds & wanted]
    plan = telling.plan
    whom = listed([tags.call(name) for name in plan.cast if telling.seen[name]]) or "the scene"
    count = len(plan.shots)
    said = [f"The target video shows {whom} in {count} shot{'s' if count > 1 else ''}:"
            f" {', then '.join(film.sized(shot) for shot in plan.shots)}."]
    for name in telling.speakers:
        voice = tags.voice(name)
        follows = f" with the voice timbre of {voice}" if voice else ""
        said.append(f"{tags.call(name)} speaks{follows}.")
    if tags.guide:
        said.append(f"The camera movement, the cuts and the blocking follow {tag(tags.guide)}.")
    return f"[{' + '.join(tasks)}] {' '.join(said)}"


def _retention(telling: Telling, tags: _Tags, references: References) -> list[str]:
    lines = []
    for name in tags.subjects:
        shots = ", ".join(f"[Shot {index + 1}]" for index in telling.seen[name])
        where = f" (appears in {shots})" if shots else ""
        lines.append(f"{tags.call(name)}{where}: fully_preserved - {_KEPT[telling.cast[name].kind]}.")
    if tags.guide:
        lines.append(f"{tag(tags.guide)} (camera movement, cuts and blocking): partially_preserved - the path of the "
                     "camera, the times of the cuts and the positions in the frame are kept; its plain puppets and "
                     "sets are replaced by the people and places of the references and descriptions.")
    for item in references.items:
        if item.kind == "audio":
            lines.append(f"{tag(item)}: reference - its vocal timbre guides how {tags.call(item.element)} speaks, "
                         "and its signal is not copied.")
    return lines


def _shots(telling: Telling, tags: _Tags) -> list[list[Piece]]:
    return within(MOST_WORDS, telling, lambda told: (_shot(told, tags, shot) for shot in told.plan.shots))


def _shot(telling: Telling, tags: _Tags, shot: PlannedShot) -> list[Piece]:
    speaking = {line.speaker for line in telling.lines(shot)}
    framed = telling.framed(shot, lambda name: tags.speaker(name) if name in speaking else "")
    if shot.index:
        cut = f"At {_clock(shot.start / telling.plan.grid.fps)}, the shot {film.TRANSITIONS[shot.transition]} "
    else:
        cut, framed[0] = "", Piece(framed[0].text[:1].upper() + framed[0].text[1:])
    return [
        Piece(f"[Shot {shot.index + 1}] {cut}"), *framed, Piece(". "),
        *sentences(
            telling.directed(shot), telling.staged(shot), _filmed(telling, tags, shot),
            *(_line(telling, tags, line) for line in telling.lines(shot)),
        ),
    ]


def _filmed(telling: Telling, tags: _Tags, shot: PlannedShot) -> list[Piece]:
    pieces = telling.filmed(shot, _move)
    if is_guided(shot, telling.plan, tags.guide):
        pieces[-1] = Piece(f"{pieces[-1].text[:-1]}, just as in {tag(tags.guide)}.")
    return pieces


def _clock(seconds: float) -> str:
    """MM:SS.mmm."""
    thousandths = round(seconds * 1000)
    return f"{thousandths // 60000:02d}:{thousandths // 1000 % 60:02d}.{thousandths % 1000:03d}"


def _move(move: film.MoveWords) -> str:
    """Type, amplitude and speed; what a move goes about follows, so there the two come first."""
    manner = "".join([f" with {move.amplitude} amplitude" if move.amplitude else "",
                      f" at {move.speed} speed" if move.speed else ""])
    if move.around:
        verb, _, rest = move.verb.partition(" ")
        return f"{verb}{manner} {rest}"
    return f"{move.verb}{manner}"


def _line(telling: Telling, tags: _Tags, line: PlannedLine) -> list[Piece]:
    """A line tied to its speaker's mouth, and everybody else's lips closed meanwhile."""
    speaker = f"{tags.call(line.speaker)}{tags.speaker(line.speaker)}"
    heard = tags.voice(line.speaker)
    voice = f" in the voice timbre referenced from {heard}," if heard else _described_voice(telling, line)
    text = spoken_text(line.text, telling.plan.cast, tags.prose)
    speech = f"<d>[{LANGUAGES[line.language]}] {text}</d>"
    listeners = telling.listeners(line)
    if telling.is_seen(line):
        manner = f"{delivery_of(line) or ','}{voice}"
        act = f"{speaker}{telling.whereabouts(line)} opens the mouth and says{manner} {speech}"
        closing = f" {tags.call(line.speaker)} then closes the mouth." if telling.full else ""
        meanwhile = [Piece(f"During the line the lips of {listeners} remain closed.")] if listeners else []
        return [Piece(act + closing, line.speaker), *meanwhile]
    manner = f"{delivery_of(line)}{voice}".rstrip(",")
    act = f"{speaker}{manner + ',' if manner else ''} says in an off-screen voiceover: {speech}"
    closed = f" while the lips of {listeners} remain completely closed." if listeners else " from outside the frame."
    return [Piece(act + closed, line.speaker)]


def _described_voice(telling: Telling, line: PlannedLine) -> str:
    said = voice_of(telling.cast[line.speaker])
    return f" in {said}," if said else ""


def _soundscape(plan: Plan) -> str:
    deeds = deed_sounds(plan)
    heard = f" {deeds[:1].upper()}{deeds[1:]} can be heard in time with what people do." if deeds else ""
    return f"The sound of the place, throughout the video, is {ambience(plan)}.{heard}"


def _music(telling: Telling) -> str:
    score = [piece.text for shot in telling.plan.shots for piece in telling.directed(shot, score=True)]
    return " ".join(score) or "N/A"
