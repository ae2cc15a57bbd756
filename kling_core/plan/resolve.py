"""Storyboard, cast and grid in, Plan out: every limit checked, every time on the grid, everybody in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kling_core.errors import ProblemList
from kling_core.plan.blocking import block_shot
from kling_core.plan.budget import choose_references, count_tokens
from kling_core.plan.checks import check_scene, plain
from kling_core.plan.grid import Grid
from kling_core.plan.heard import heard_notes
from kling_core.plan.lines import place_lines, planned_line
from kling_core.plan.performances import perform
from kling_core.plan.plan import Plan, PlannedLine, PlannedMove, PlannedShot
from kling_core.storyboard.camera import legal_directions, usual_amount, usual_direction
from kling_core.storyboard.mentions import at_names
from kling_core.storyboard.storyboard import CameraMove, Shot, Storyboard

if TYPE_CHECKING:
    from kling_core.backbone import Limits
    from kling_core.elements.element import Cast


def plan(
    storyboard: Storyboard, cast: "Cast", grid: Grid, limits: "Limits", *, seed: int | Sequence[int] = 0
) -> Plan:
    """Resolves a scene for a backbone's grid and limits. Deterministic; `seed`, of the scene or one for each shot,
    varies only what the director left open.

    Raises one KlingError with every mistake of the scene: broken limits, unknown names, lines that do not fit.
    """
    problems, notes = ProblemList(), []
    check_scene(storyboard, cast, limits, problems)
    cuts, moved = grid.snap_cuts([shot.seconds for shot in storyboard.shots])
    shots: list[PlannedShot] = []
    lines: list[PlannedLine] = []
    for number, (shot, start, stop) in enumerate(zip(storyboard.shots, cuts, cuts[1:]), 1):
        performances = perform(number, shot, cast, limits, problems, notes)
        notes += heard_notes(number, shot, performances)
        camera = tuple(_planned_move(number, move, notes) for move in shot.camera)
        shots.append(PlannedShot(
            index=number - 1, start=start, stop=stop, size=shot.size, angle=shot.angle,
            place=shot.place or storyboard.place, time_of_day=shot.time_of_day or storyboard.time_of_day,
            performances=performances, camera=camera, description=shot.description,
            transition=_transition(number, shot, limits, notes), assumed=_assumed(storyboard, shot),
            things=_things(shot, cast),
        ))
        times = place_lines(number, shot.lines, (start / grid.fps, stop / grid.fps), grid, problems, notes)
        lines += [
            planned_line(len(lines) + at, number - 1, plain(line.speaker), line, span)
            for at, (line, span) in enumerate(zip(shot.lines, times))
        ]
    problems.raise_if_any()
    references, left_out, tokens = (), [], {}
    if limits.views_per_element is not None:
        references, left_out = choose_references(cast, shots, limits.views_per_element)
        tokens = count_tokens(grid, storyboard.aspect, shots, references)
    width, height = grid.sizes[storyboard.aspect]
    seeds = [seed] * len(shots) if isinstance(seed, int) else seed
    heights = _heights(cast)
    blocking = tuple(
        block_shot(shot, grid.fps, width / height, own, heights) for shot, own in zip(shots, seeds, strict=True)
    )
    return Plan(
        title=storyboard.title, aspect=storyboard.aspect, grid=grid, cast=cast.names, shots=tuple(shots),
        lines=tuple(lines), blocking=blocking,
        references=references, moved=tuple(moved), notes=(*notes, *left_out), negative=storyboard.negative,
        tokens=tokens,
    )


def _assumed(storyboard: Storyboard, shot: Shot) -> tuple[str, ...]:
    fields = ("place", "time_of_day")
    return tuple(name for name in fields if not getattr(shot, name) and name not in storyboard.model_fields_set)


def _things(shot: Shot, cast: "Cast") -> tuple[str, ...]:
    """The items and scenes that a shot names, in cast order."""
    named = {*shot.subjects, *(action.subject for action in shot.actions)}
    named |= {action.toward for action in shot.actions if action.toward}
    named = {plain(name) for name in named} | set(at_names(shot.description, cast.names))
    return tuple(name for name in cast.names if name in named and cast[name].kind != "character")


def _heights(cast: "Cast") -> dict[str, float]:
    """How tall everybody is, as a factor of the nominal body, where the element's look says so in earnest."""
    written = {binding.element.name: (binding.element.look or {}).get("height") for binding in cast.bindings}
    return {
        name: float(height) for name, height in written.items()
        if isinstance(height, (int, float)) and 0.5 <= height <= 2.0
    }


def _planned_move(number: int, move: CameraMove, notes: list[str]) -> PlannedMove:
    """A move with its usual direction and amount filled in where the director gave none."""
    direction, legal = move.direction, legal_directions(move.kind)
    if direction is not None and direction not in legal:
        direction = usual_direction(move.kind)
        instead = f"it goes {direction}" if direction else "it has no direction"
        notes.append(f"shot {number}: a {move.kind} cannot go {move.direction}, {instead}")
    amount = usual_amount(move.kind, move.speed) if move.amount is None else move.amount
    return PlannedMove(move.kind, direction or usual_direction(move.kind), amount)


def _transition(number: int, shot: Shot, limits: "Limits", notes: list[str]) -> str:
    if shot.transition != "cut" and number > 1 and not limits.dissolves:
        notes.append(f"shot {number}: the {shot.transition} is made as a cut")
    return shot.transition
