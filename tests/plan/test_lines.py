"""Lines on the film's clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_scenes import GRID, LIMITS, board, cast, line, shot

from kling_core.errors import KlingError, ProblemList
from kling_core.plan.lines import place_lines
from kling_core.plan.resolve import plan
from kling_core.storyboard.storyboard import Line
from kling_core.storyboard.timing import BETWEEN_LINES, LEAD_IN, line_seconds

CAST = cast("mira", "leo")


def planned(*shots):
    return plan(board(*shots), CAST, GRID, LIMITS)


def test_lines_follow_each_other_after_a_lead_in():
    result = planned(shot(3), shot(4, lines=[line("mira", "Who is there?"), line("leo", "Me.")]))
    first, second = result.lines
    assert first.start == pytest.approx(3 + LEAD_IN)
    assert second.start == pytest.approx(first.stop + BETWEEN_LINES, abs=0.002)
    assert [(one.index, one.shot, one.language) for one in result.lines] == [(0, 1, "en"), (1, 1, "en")]


def test_a_given_start_holds_and_may_overlap():
    result = planned(shot(4, lines=[line("mira", "Who is there?"), line("leo", "Me.", start=0.5)]))
    assert result.lines[1].start == pytest.approx(0.5) and result.lines[1].start < result.lines[0].stop


def test_a_line_a_little_too_long_is_spoken_faster_and_noted():
    long = Line(speaker="mira", text="I never thought that we would come back to this town")
    length = line_seconds(long)
    problems, notes = ProblemList(), []
    ((start, stop),) = place_lines(2, [long], (3.0, 3.0 + length), GRID, problems, notes)
    assert not problems.problems and 3.0 < start and stop <= 3.0 + length + 1e-3
    assert notes == ["shot 2: its lines are spoken 4% faster to fit"]
    assert place_lines(2, [long], (3.0, 3.0 + 0.9 * length), GRID, problems, notes) == [] and problems.problems


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(1, 5), min_size=1, max_size=6).filter(lambda seconds: 3 <= sum(seconds) <= 15),
    st.lists(st.sampled_from(["Hi.", "Look over there, please.", "¿Dónde está?", "你好吗"]), max_size=3),
)
def test_lines_stay_inside_their_shot_and_in_order(durations, texts):
    scene = [shot(seconds, lines=[line("mira", text) for text in texts]) for seconds in durations]
    try:
        result = planned(*scene)
    except KlingError as error:
        assert all("line" in problem.where for problem in error.problems)
        return
    for one in result.lines:
        inside = result.shots[one.shot]
        assert inside.start / 12 <= one.start < one.stop <= inside.stop / 12 + 1e-3
    for before, after in zip(result.lines, result.lines[1:]):
        assert after.start >= before.stop
