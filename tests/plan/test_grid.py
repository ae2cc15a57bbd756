"""The one place where time is rounded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_core.plan.grid import Grid

grids = st.builds(
    Grid, fps=st.sampled_from([12, 15, 16, 24, 25, 50]), frames_per_latent=st.sampled_from([1, 4, 8]),
    spatial_stride=st.just(8), sizes=st.just({"16:9": (128, 72)}), audio_rate=st.just(24000),
)
durations = st.lists(st.floats(1, 15), min_size=1, max_size=6)


@settings(deadline=None)
@given(grids, durations)
def test_cuts_are_legal_rise_and_give_every_shot_a_latent(grid, seconds):
    cuts, _ = grid.snap_cuts(seconds)
    assert cuts[0] == 0 and len(cuts) == len(seconds) + 1
    assert all(cut % grid.frames_per_latent == 0 for cut in cuts)
    assert all(after - before >= grid.frames_per_latent for before, after in zip(cuts, cuts[1:]))


@settings(deadline=None)
@given(grids, durations)
def test_rounding_never_adds_up(grid, seconds):
    cuts, _ = grid.snap_cuts(seconds)
    wanted = 0.0
    for cut, length in zip(cuts[1:], seconds):
        wanted += length
        assert abs(cut / grid.fps - wanted) <= grid.latent_seconds / 2 + 1e-6


@settings(deadline=None)
@given(grids, durations)
def test_every_moved_cut_is_told(grid, seconds):
    cuts, moved = grid.snap_cuts(seconds)
    totals = [sum(seconds[: n + 1]) for n in range(len(seconds))]
    expected = sum(abs(cut / grid.fps - total) > 1e-6 for cut, total in zip(cuts[1:], totals))
    assert len(moved) == expected
    assert all("s moved to" in str(adjustment) for adjustment in moved)


@settings(deadline=None)
@given(grids, st.lists(st.floats(0.001, 0.05), min_size=2, max_size=6))
def test_shots_shorter_than_a_latent_still_get_one(grid, seconds):
    cuts, _ = grid.snap_cuts(seconds)
    assert all(after - before >= grid.frames_per_latent for before, after in zip(cuts, cuts[1:]))


@settings(deadline=None)
@given(grids, st.floats(0, 60), st.floats(0, 60))
def test_snapping_is_monotone(grid, one, other):
    assert grid.snap(min(one, other)) <= grid.snap(max(one, other))


def test_times_on_the_grid_stay():
    grid = Grid(12, 4, 8, {"16:9": (128, 72)}, 24000)
    assert grid.snap_cuts([3.0, 1.0, 11.0]) == ([0, 36, 48, 180], [])
    assert grid.tokens_per_latent("16:9") == (9, 16) and grid.latent_seconds == pytest.approx(1 / 3)
