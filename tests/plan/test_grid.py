"""The one place where time is rounded."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kling_core.plan.grid import H3_LATTICE, LTX_LATTICE, WAN_LATTICE, Grid, Lattice

LATTICES = {"embedded": Lattice((4,)), "wan": WAN_LATTICE, "ltx": LTX_LATTICE, "h3": H3_LATTICE}

grids = st.builds(
    Grid, fps=st.sampled_from([12, 15, 16, 24, 25, 50]), lattice=st.sampled_from(list(LATTICES.values())),
    spatial_stride=st.just(8), sizes=st.just({"16:9": (128, 72)}), audio_rate=st.just(24000),
)
durations = st.lists(st.floats(1, 15), min_size=1, max_size=6)


@settings(deadline=None)
@given(grids, durations)
def test_cuts_are_legal_rise_and_give_every_shot_a_latent(grid, seconds):
    cuts, _ = grid.snap_cuts(seconds)
    assert cuts[0] == 0 and len(cuts) == len(seconds) + 1
    lattice = grid.lattice
    assert all((cut - sum(lattice.lead)) % lattice.step == 0 for cut in cuts[1:-1])
    assert (cuts[-1] - lattice.end(0)) % lattice.step == 0
    assert all(after - before >= lattice.step for before, after in zip(cuts, cuts[1:]))


@settings(deadline=None)
@given(grids, durations)
def test_rounding_never_adds_up(grid, seconds):
    assume(min(seconds) >= 2 * grid.cut_seconds)  # else shots must be lengthened to a period
    cuts, _ = grid.snap_cuts(seconds)
    wanted = 0.0
    for cut, length in zip(cuts[1:], seconds):
        wanted += length
        assert abs(cut / grid.fps - wanted) <= grid.cut_seconds / 2 + 1e-6


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
    assert all(after - before >= grid.lattice.step for before, after in zip(cuts, cuts[1:]))


@settings(deadline=None)
@given(grids, st.floats(2, 60), st.floats(2, 60))
def test_snapping_is_monotone(grid, one, other):
    (_, shorter), _ = grid.snap_cuts([min(one, other)])
    (_, longer), _ = grid.snap_cuts([max(one, other)])
    assert shorter <= longer


@pytest.mark.parametrize(("name", "cuts", "length", "latents"), [
    ("embedded", [24, 48], 72, [6, 12, 18]),
    ("wan", [25, 49], 73, [7, 13, 19]),
    ("ltx", [25, 49], 73, [4, 7, 10]),
    ("h3", [17, 51], 73, [5, 15, 22]),
])
def test_cuts_of_every_family_fall_between_two_latents(name, cuts, length, latents):
    lattice = LATTICES[name]
    grid = Grid(24, lattice, 8, {"16:9": (128, 72)}, 24000)
    assert grid.snap_cuts([1, 1, 1])[0] == [0, *cuts, length]
    assert [lattice.latents(frame) for frame in (*cuts, length)] == latents
    starts = lattice.starts(latents[-1])
    assert starts[0] == 0 and starts[-1] == length and len(starts) == latents[-1] + 1
    assert all(cut in starts for cut in cuts)
    assert all(lattice.latents(starts[at]) == at for at in range(latents[-1] + 1))
    assert lattice.latents(starts[-1] - 1) == latents[-1]


def test_the_published_lengths_of_the_large_models_are_legal():
    """MiniMax H3: 124 frames are 37 latents, 362 are 107. LTX and Wan: 8k + 1 and 4k + 1 frames."""
    assert [LATTICES["h3"].latents(frames) for frames in (5, 22, 124, 362)] == [2, 7, 37, 107]
    assert [LATTICES["ltx"].latents(frames) for frames in (9, 121, 241)] == [2, 16, 31]
    assert [LATTICES["wan"].latents(frames) for frames in (1, 81, 241)] == [1, 21, 61]


def test_times_on_the_grid_stay():
    grid = Grid(12, Lattice((4,)), 8, {"16:9": (128, 72)}, 24000)
    assert grid.snap_cuts([3.0, 1.0, 11.0]) == ([0, 36, 48, 180], [])
    assert grid.tokens_per_latent("16:9") == (9, 16) and grid.latent_seconds == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", LATTICES)
def test_films_fit_and_cover_any_length(name):
    lattice = LATTICES[name]
    ends = [lattice.end(periods) for periods in range(12)]
    for frames in range(1, ends[-1]):
        assert lattice.fitting(frames) == max((end for end in ends if end <= frames), default=0)
        assert lattice.covering(frames) == min(end for end in ends if end >= frames)
