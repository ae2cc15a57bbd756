"""Places the lines of a shot on the film's clock."""

from __future__ import annotations

from collections.abc import Sequence

from kling_core.errors import ProblemList
from kling_core.plan.grid import Grid
from kling_core.plan.plan import PlannedLine
from kling_core.storyboard.languages import detect_language
from kling_core.storyboard.storyboard import Line
from kling_core.storyboard.timing import BETWEEN_LINES, LEAD_IN, line_seconds

_SHORT_LEAD_IN = 0.08
_FASTEST = 1.1  # people who hurry speak about a tenth faster and still sound like themselves
_TEXT_SHOWN = 40


def place_lines(
    number: int, lines: Sequence[Line], span: tuple[float, float], grid: Grid, problems: ProblemList, notes: list[str]
) -> list[tuple[float, float]]:
    """(start, stop) of each line of shot `number` in seconds of the film; span: start and stop of the shot.

    Lines follow each other after a lead-in; a line with a `start` begins there and may overlap others. What is a
    little too long is begun earlier and spoken up to a tenth faster, which is noted; more than that is a problem.
    """
    length = span[1] - span[0]
    for at, line in enumerate(lines, 1):
        if line.start is not None and line.start >= length:
            what = f"starts {line.start:g} s into a shot of {length:.2f} s"
            problems.add(f"shot {number}, line {at}", what, "Start it earlier, or lengthen the shot.")
            return []
    for lead_in, pace in [(LEAD_IN, 1.0), *((_SHORT_LEAD_IN, 1 + step / 50) for step in range(6))]:
        times = _spread(lines, lead_in, min(pace, _FASTEST))
        if all(stop <= length + 1e-6 for _, stop in times):
            if pace > 1:
                notes.append(f"shot {number}: its lines are spoken {pace - 1:.0%} faster to fit")
            return [(round(span[0] + start, 3), round(span[0] + stop, 3)) for start, stop in times]
    _report_too_long(number, lines, length, grid, problems)
    return []


def planned_line(index: int, shot: int, speaker: str, line: Line, times: tuple[float, float]) -> PlannedLine:
    language = line.language or detect_language(line.text)
    return PlannedLine(index, shot, speaker, line.text, language, line.delivery or "", *times)


def _spread(lines: Sequence[Line], lead_in: float, pace: float) -> list[tuple[float, float]]:
    """(start, stop) of each line in seconds of its shot."""
    times, cursor = [], lead_in
    for line in lines:
        start = cursor if line.start is None else line.start
        stop = start + line_seconds(line) / pace
        times.append((start, stop))
        cursor = max(cursor, stop + BETWEEN_LINES)
    return times


def _report_too_long(
    number: int, lines: Sequence[Line], length: float, grid: Grid, problems: ProblemList
) -> None:
    times = _spread(lines, LEAD_IN, 1.0)
    at = next(at for at, (_, stop) in enumerate(times) if stop > length)
    start, stop = times[at]
    text = lines[at].text
    shown = text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 1] + "…"
    needed = max(stop for _, stop in times)
    what = f"“{shown}” needs {stop - start:.1f} s and would end at {stop:.1f} s of a shot of {length:.1f} s"
    longer = needed + grid.cut_seconds / 2
    remedy = f"Make the shot at least {longer:.1f} s long, or say less in it."
    problems.add(f"shot {number}, line {at + 1}", what, remedy)
