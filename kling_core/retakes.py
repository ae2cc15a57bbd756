"""A Retake: an earlier take, and which of its shots are made anew; whether it fits a plan, and what of it stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kling_core.errors import KlingError, Problem, ProblemList
from kling_core.sampling.retake import first_last_frame, keep_all_but, merged
from kling_core.take import Take, element_print, shot_print

if TYPE_CHECKING:
    import numpy as np

    from kling_core.backbone import Backbone, Keep
    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan, PlannedShot
    from kling_core.render import Scene

_ANEW = "Retake that shot, too, undo the change, or render the scene anew."


@dataclass(frozen=True)
class Retake:
    """shots: 0-based, those that are made anew."""

    take: Take
    shots: tuple[int, ...]

    def seeds(self, seed: int) -> tuple[int, ...]:
        """The seed of each shot: `seed` for those made anew, their own for those that stay."""
        return tuple(seed if shot in self.shots else own for shot, own in enumerate(self.take.seeds))

    def keep(self, plan: "Plan") -> "Keep":
        """All that stays, a given first or last frame of the film in a shot that is made anew included."""
        video = self.take.latents.video
        ends = first_last_frame(
            self.take.latents,
            video[0] if self.take.first_frame else None,
            video[-1] if self.take.last_frame else None,
        )
        return merged(ends, keep_all_but(plan, self.take.latents, self.shots))

    def scene(self, plan: "Plan", cast: "Cast", backbone: "Backbone") -> "Scene":
        """The take as it was shot."""
        from kling_core.render import Scene
        from kling_core.sound.speech import speak

        take = self.take
        return Scene(
            plan, cast, backbone, max(take.seeds), take.settings, speak(plan, cast), take.latents, take.sound,
            take.seeds, take.structure, first_frame=take.first_frame, last_frame=take.last_frame,
        )

    def require_fit(
        self, plan: "Plan", cast: "Cast", frames: "tuple[np.ndarray | None, np.ndarray | None]" = (None, None)
    ) -> None:
        """Raises KlingError with everything in the shots that stay that is no longer as the take has it.

        frames: the pictures that the film is to begin and to end with, if any.
        """
        problems = ProblemList()
        for name, frame, shot in zip(("first frame", "last frame"), frames, (0, len(plan.shots) - 1)):
            if frame is not None and self.shots and shot not in self.shots:
                remedy = "Retake that shot, too, or leave the picture out."
                problems.add(name, f"cannot be given: shot {shot + 1} stays as it is", remedy)
        stay = [shot for shot in plan.shots if shot.index not in self.shots]
        changed = [shot for shot in stay if shot_print(plan, shot) != self.take.shots[shot.index]]
        if len(changed) == len(stay) > 1:
            changed = []
            problems.add("take", "is of another scene: it has none of the shots that stay", "Give this scene's take.")
        for shot in plan.shots:
            _check_length(shot, self.take.frames[shot.index], plan.grid.fps, problems)
        for shot in changed:
            problems.add(f"shot {shot.index + 1}", "stays, but the scene says something else now", _ANEW)
        self._check_cast(plan, stay, cast, problems)
        problems.raise_if_any()

    def require_backbone(self, backbone: "Backbone", plan: "Plan") -> None:
        """Raises KlingError if other weights made the take, or it has another size than theirs."""
        take, empty = self.take, backbone.empty(plan)
        remedy = "Render the scene anew, or use the weights that made the take."
        if (take.backbone, take.weights) != (type(backbone).__name__, backbone.weights):
            raise KlingError(Problem("take", f"was made by {take.backbone} with other weights", remedy))
        found = (take.latents.video.shape, take.latents.audio.shape, take.sound.shape)
        wanted = (empty.video.shape, empty.audio.shape, (2, round(plan.seconds * plan.grid.audio_rate)))
        if found != wanted:
            raise KlingError(Problem("take", "has picture or sound of another size than the scene", remedy))

    def _check_cast(self, plan: "Plan", stay: "list[PlannedShot]", cast: "Cast", problems: ProblemList) -> None:
        for binding in cast.bindings:
            name = binding.element.name
            seen = [shot.index + 1 for shot in stay if name in shot.subjects or name in _speakers(plan, shot)]
            if seen and self.take.cast.get(name) != element_print(binding):
                where = ", ".join(map(str, seen))
                what = f"is not the one of the take, or bound otherwise, and shot {where} with it stays"
                problems.add(f"element @{name}", what, "Give the element of the take, or render the scene anew.")


def retake_of(take: Take, wanted: str | None, shots: int) -> Retake:
    """The Retake of shots written as in "3, 5", counted from 1, for a scene of so many shots; None gives one without
    shots, to be filled in when the take has been checked.

    Raises KlingError for anything else, for shots that are not there, and for a take of another number of shots.
    """
    problems = ProblemList()
    words = [word for word in re.split(r"[\s,;]+", wanted or "") if word]
    if wanted is not None and not (words and all(re.fullmatch(r"\d{1,3}", word) for word in words)):
        raise KlingError(Problem("retake", f"“{wanted[:40]}” are no numbers of shots", "Write them as in 3,5."))
    numbers = sorted({int(word) for word in words})
    for number in numbers:
        if not 1 <= number <= shots:
            problems.add("retake", f"there is no shot {number}", f"The scene has shots 1 to {shots}.")
    if len(take.frames) != shots:
        what = f"has {len(take.frames)} shots, the scene {shots}"
        problems.add("take", what, "Give this scene's take, or render the scene anew.")
    problems.raise_if_any()
    return Retake(take, tuple(number - 1 for number in numbers))


def _check_length(shot: "PlannedShot", frames: int, fps: int, problems: ProblemList) -> None:
    if shot.frames != frames:
        what = f"lasts {shot.frames / fps:.2f} s, in the take {frames / fps:.2f} s"
        problems.add(f"shot {shot.index + 1}", what, "Give it its old length, or render the scene anew.")


def _speakers(plan: "Plan", shot: "PlannedShot") -> set[str]:
    return {line.speaker for line in plan.lines if line.shot == shot.index}
