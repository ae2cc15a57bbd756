"""How long the lines of a shot take, air included. The script shares seconds by it, the plan places lines by it."""

from __future__ import annotations

from collections.abc import Iterable

from kling_core.storyboard.languages import detect_language, speech_seconds
from kling_core.storyboard.storyboard import MAX_SECONDS, MIN_SECONDS, MIN_SHOT_SECONDS, Line

LEAD_IN = 0.25
"""Seconds from a cut to the first word: a cut on the word itself swallows it."""
BETWEEN_LINES = 0.2
"""Seconds between two lines of a dialogue, a short turn-taking gap (about 200 ms in ten languages: Stivers et al. 2009,
"Universals and cultural variation in turn-taking in conversation", PNAS 106(26))."""
USUAL_SHOT_SECONDS = 2.5
# Air after the last word, which also covers what snapping a cut to the grid may take from a shot.
_BREATH = 0.35


def line_seconds(line: Line) -> float:
    """Seconds that the words of a line take."""
    return speech_seconds(line.text, line.language or detect_language(line.text), line.delivery or "")


def lines_need(lines: Iterable[Line]) -> float:
    """Seconds a shot needs for its lines said one after the other, with a lead-in and gaps. 0 without lines."""
    spoken = [line_seconds(line) for line in lines]
    return LEAD_IN + sum(spoken) + BETWEEN_LINES * (len(spoken) - 1) if spoken else 0.0


def share_seconds(given: list[float | None], needs: list[float], total: float | None) -> list[float] | None:
    """Seconds for every shot, where None in `given` asks for a share.

    needs: seconds that each shot's lines take. total: seconds of the scene, None for as long as the shots like within
    the limits of a scene. Open shots get 2.5 s or what their lines need, stretched or squeezed to the total; a
    squeezed shot gives up idle time before it gives up its lines. None when less than a second a shot is left.
    """
    open_shots = [index for index, seconds in enumerate(given) if seconds is None]
    if not open_shots:
        return [float(seconds) for seconds in given]
    fixed = sum(seconds for seconds in given if seconds is not None)
    floor = {i: max(MIN_SHOT_SECONDS, needs[i] + _BREATH if needs[i] else 0.0) for i in open_shots}
    wish = {i: max(USUAL_SHOT_SECONDS, floor[i]) for i in open_shots}
    if total is None:
        total = min(max(fixed + sum(wish.values()), MIN_SECONDS), MAX_SECONDS)
    budget = total - fixed
    if budget < MIN_SHOT_SECONDS * len(open_shots) - 1e-9:
        return None
    if budget >= sum(wish.values()):
        shares = {i: wish[i] * budget / sum(wish.values()) for i in open_shots}
    elif budget >= sum(floor.values()):
        shares = _between(floor, wish, budget)
    else:
        shares = _between(dict.fromkeys(open_shots, MIN_SHOT_SECONDS), floor, budget)
    return _rounded([shares.get(i, seconds) for i, seconds in enumerate(given)])


def _between(low: dict[int, float], high: dict[int, float], budget: float) -> dict[int, float]:
    """Shares that add up to `budget`, the same part of the way from `low` to `high` in every shot."""
    room = sum(high.values()) - sum(low.values())
    part = (budget - sum(low.values())) / room if room else 0.0
    return {i: low[i] + (high[i] - low[i]) * part for i in low}


def _rounded(seconds: list[float]) -> list[float]:
    """Hundredths of a second, rounded along the running total so that the sum stays what it is."""
    rounded, total = [], 0.0
    for value in seconds:
        before = round(total, 2)
        total += value
        rounded.append(round(round(total, 2) - before, 2))
    return rounded
