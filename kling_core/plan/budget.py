"""What fits: which views of each element a backbone takes along, and how many tokens a scene makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_core.plan.grid import Grid
from kling_core.plan.plan import PlannedShot

if TYPE_CHECKING:
    from kling_core.elements.element import Cast

# The front says most about somebody, the face in detail next: close shots show it largest.
_PRIORITY = ("front", "detail", "side", "back")
SCENE_WORDS, SHOT_WORDS, PERFORMANCE_WORDS = 2, 3, 2
"""Facts that a model is told in words: place and time; size, angle and move; verb and expression."""


def choose_references(
    cast: "Cast", shots: Sequence[PlannedShot], most: int
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """(element, view) pairs, at most so many views of each element, in cast order, and notes on what was left out.

    Only elements that are bound and seen in some shot bring references.
    """
    pairs: list[tuple[str, str]] = []
    notes: list[str] = []
    seen = {name for shot in shots for name in shot.subjects}
    for binding in cast.bindings:
        element = binding.element
        if element.name not in seen:
            notes.append(f"@{element.name} is cast but not seen in any shot")
            continue
        if binding.strength <= 0:
            continue
        views = [view for view in _PRIORITY if view in element.views]
        pairs += [(element.name, view) for view in views[:most]]
        left_out = views[most:]
        if left_out:
            fit = f"{most} views of an element fit"
            notes.append(f"@{element.name}: {', '.join(left_out)} left out, {fit}")
    return tuple(pairs), notes


def count_tokens(
    grid: Grid, aspect: str, shots: Sequence[PlannedShot], references: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Tokens of a scene by kind: text, reference, audio, video."""
    rows, columns = grid.tokens_per_latent(aspect)
    frames = shots[-1].stop
    words = SCENE_WORDS + sum(SHOT_WORDS + PERFORMANCE_WORDS * len(shot.performances) for shot in shots)
    elements = len({name for name, _ in references})
    return {
        "text": words,
        "reference": elements * grid.reference_tokens,
        "audio": grid.audio_tokens(frames) * grid.sound_tracks,
        "video": grid.lattice.latents(frames) * rows * columns,
    }
