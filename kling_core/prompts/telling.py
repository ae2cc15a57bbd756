"""What all families tell of a shot: who is framed where, the director's words, what everybody does, the camera."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kling_core.plan.plan import Plan, PlannedLine, PlannedShot
from kling_core.prompts import film_grammar as film
from kling_core.prompts.descriptions import told
from kling_core.prompts.people import Call, appearances, on_screen, staged, who
from kling_core.prompts.sound import is_score, listed, speakers
from kling_core.prompts.writer import Piece, count_words
from kling_core.storyboard.languages import detect_language
from kling_core.storyboard.negation import denies

if TYPE_CHECKING:
    from kling_core.elements.element import Cast

_LANGUAGES = {"zh": "Chinese", "ja": "Japanese", "ko": "Korean"}


@dataclass(frozen=True)
class Telling:
    """A scene as one family tells it.

    call: what the model calls an element. introduced: the words before the shots say who everybody is, so the shots do
    not. full: everything the plan knows, said anew in every shot; else looks, places and light only where they are new,
    for scenes whose words outgrow what the model was trained on.
    """

    plan: Plan
    cast: "Cast"
    call: Call
    introduced: bool = False
    full: bool = True

    @cached_property
    def seen(self) -> dict[str, tuple[int, ...]]:
        """In which shots each element is to be seen, see `people.appearances`."""
        return appearances(self.plan, self.cast)

    def of_kind(self, kind: str, shot: PlannedShot | None = None) -> list[str]:
        """The elements of a kind that are to be seen in the scene, or in one shot of it."""
        return [
            name for name, shots in self.seen.items()
            if self.cast[name].kind == kind and shots and (shot is None or shot.index in shots)
        ]

    def framed(self, shot: PlannedShot, tag: Callable[[str], str] = lambda name: "") -> list[Piece]:
        """What a shot shows, from its size to its light, as one clause without its stop: "a close-up of Mira, the woman
        in red, at eye level, in a park". tag: what stands behind a name."""
        shown = shot.subjects or self.of_kind("item", shot)
        whom = list(shown)
        over = whom.pop() if shot.angle == "over shoulder" and len(whom) > 1 else None
        called = {name: Piece(f"{self.call(name)}{tag(name)}{self._looks(name, shot)}", name) for name in shown}
        pieces = [Piece(film.sized(shot))]
        for at, name in enumerate(whom):
            last = ", and " if len(whom) > 2 or self._looks(whom[0], shot) else " and "
            pieces += [Piece(" of " if not at else last if at == len(whom) - 1 else ", "), called[name]]
        if over:
            pieces += [Piece(", past the shoulder of "), called[over]]
        where = [film.angled(shot), *self._setting(shot)]
        return [*pieces, Piece("".join(f", {part}" for part in where if part))]

    def _looks(self, name: str, shot: PlannedShot) -> str:
        new = self.full or self.seen[name][:1] == (shot.index,)
        return f", {who(self.cast[name])}" if new and not self.introduced else ""

    def _setting(self, shot: PlannedShot) -> list[str]:
        """Place and light of a shot; a scene of the cast stands for the plan's place."""
        said_before_all = self.introduced and self.setting
        as_before = shot.index and self._bare_setting(shot) == self._bare_setting(self.plan.shots[shot.index - 1])
        if said_before_all or (as_before and not self.full):
            return []
        return [self._where(shot, lambda name: self._looks(name, shot)), film.light_of(shot)]

    def _where(self, shot: PlannedShot, looks: Callable[[str], str] = lambda name: "") -> str:
        scenes = self.of_kind("scene", shot)
        return "in " + listed([self.call(name) + looks(name) for name in scenes]) if scenes else film.place_of(shot)

    @cached_property
    def setting(self) -> str:
        """Place and light that all shots share, "in a park, in clear daylight"; empty where they differ."""
        settings = {self._bare_setting(shot) for shot in self.plan.shots}
        return settings.pop() if len(settings) == 1 else ""

    def _bare_setting(self, shot: PlannedShot) -> str:
        return ", ".join(part for part in (self._where(shot), film.light_of(shot)) if part)

    def directed(self, shot: PlannedShot, *, score: bool = False) -> list[Piece]:
        """The director's own sentences on a shot without its dialogue; score: those on music that only the audience
        hears, which the others leave out."""
        lines = [(line.speaker, line.text) for line in self.plan.lines if line.shot == shot.index]
        sentences = told(shot.description, lines, self.plan.cast, self.call)
        return [piece for piece in sentences if is_score(piece.text) == score]

    def staged(self, shot: PlannedShot) -> list[Piece]:
        """A sentence for everybody on screen, see `people.staged`."""
        speaking = {line.speaker for line in self.lines(shot)}
        return staged(shot, self.plan.blocking[shot.index], self.call, speaking, full=self.full)

    def filmed(self, shot: PlannedShot, say: Callable[[film.MoveWords], str]) -> list[Piece]:
        """One sentence on the camera; say: the family's words for one move, without what it moves about."""
        centre = self.call(shot.subjects[0]) if shot.subjects else "the scene"
        moves = film.moves_of(shot, self.plan.grid.fps)
        said = [f"{say(move)} {centre}" if move.around else say(move) for move in moves]
        return [Piece(f"The camera {', then '.join(said)}.")]

    def lines(self, shot: PlannedShot) -> list[PlannedLine]:
        """The lines of a shot as they are heard one after another."""
        return sorted((line for line in self.plan.lines if line.shot == shot.index), key=lambda line: line.start)

    def is_seen(self, line: PlannedLine) -> bool:
        """Whether the speaker of a line is on screen."""
        return line.speaker in self.plan.shots[line.shot].subjects

    def whereabouts(self, line: PlannedLine) -> str:
        """Where the speaker of a line, who must be seen, is on screen meanwhile; empty for who is there alone."""
        shot, fps = self.plan.shots[line.shot], self.plan.grid.fps
        if len(shot.subjects) == 1:
            return ""
        start = min(int(line.start * fps) - shot.start, shot.frames - 1)
        said = slice(start, max(start + 1, int(line.stop * fps) - shot.start))
        return f", {on_screen(self.plan.blocking[line.shot].track(line.speaker).slice(said))},"

    def listeners(self, line: PlannedLine) -> str:
        """Who else is on screen during a line, "A and B"; empty for nobody."""
        return listed([self.call(name) for name in self.plan.shots[line.shot].subjects if name != line.speaker])

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who says a line, in the order in which they are first heard."""
        return speakers(self.plan)

    @property
    def style(self) -> str:
        """The style that the words of the scene or of its elements ask for."""
        words = [self.plan.title, *(shot.description for shot in self.plan.shots)]
        return film.style_of(" ".join([*words, *(self.cast[name].description for name in self.cast.names)]))

    def notes(self) -> list[str]:
        """What every family has to say about a scene's words."""
        notes = []
        for before, after in zip(self.plan.shots, self.plan.shots[1:]):
            if film.joinable(before, after):
                notes.append(f"shot {after.index + 1}: shows the same people at the same size from the same side as "
                             f"shot {before.index + 1}, so the model may not cut; give it another size or angle")
        for shot in self.plan.shots:
            words = " ".join(piece.text for piece in self.directed(shot))
            language = _LANGUAGES.get(detect_language(words))
            if language:
                notes.append(f"shot {shot.index + 1}: its description stays in {language}; the model learned from "
                             "English ones")
        return notes

    def denials(self) -> list[str]:
        """Notes on descriptions that say what is not there, for models without a negative branch."""
        return [
            f"shot {shot.index + 1}: “{piece.text}” says what is not there, and the model may show it; say what is"
            for shot in self.plan.shots for piece in self.directed(shot) if denies(piece.text)
        ]


def within(words: int, telling: Telling, tell: Callable[[Telling], Iterable[Iterable[Piece]]]) -> list[list[Piece]]:
    """The pieces of every shot, told in full where that stays within `words` for the whole scene."""
    shots = [list(pieces) for pieces in tell(telling)]
    if sum(count_words(pieces) for pieces in shots) <= words:
        return shots
    return [list(pieces) for pieces in tell(replace(telling, full=False))]
