"""The stage's depth: metres where the blocking says so, and as a film the nearest bright and the farthest dark."""

import numpy as np
import pytest
from staging import BLUE, RED, alone, blocked, inside, shot, together

from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.plan import Performance, PlannedMove
from kling_core.plan.resolve import plan as resolve
from kling_core.previz import depth_film as film
from kling_core.previz.stage.depth import shot_depth
from kling_core.previz.stage.renderer import FAR
from kling_core.previz.world import GRID, LIMITS
from kling_core.storyboard.storyboard import Action, CameraMove, Shot, Storyboard

LOOKS = {"red": RED, "blue": BLUE}
CAST = Cast(tuple(
    Binding(Element(name, look=look.to_json(), origin="stage")) for name, look in LOOKS.items()
))  # fmt: skip


def depth(planned):
    return shot_depth(planned, blocked(planned), LOOKS, 128, 72).numpy()


def planned(*shots):
    return resolve(Storyboard(shots=shots), CAST, GRID, LIMITS)


def test_people_are_as_far_away_as_the_blocking_says():
    both = together(size="full")
    seen = depth(both)[0]
    for track in blocked(both).subjects:
        x0, y0, x1, y1 = track.body[0]
        chest = (x0, y0 + 0.4 * (y1 - y0), x1, y0 + 0.7 * (y1 - y0))
        assert np.median(seen[inside(chest, 72, 128)]) == pytest.approx(track.depth[0], abs=0.3)


def test_the_sky_is_far_and_walls_are_not():
    assert depth(alone(place="park", size="wide")).max() == FAR
    assert depth(alone(place="room", size="wide")).max() < 20


def test_the_ground_comes_nearer_towards_the_bottom_of_the_picture():
    column = depth(alone(place="beach", size="wide"))[0, -10:, 2]
    assert (np.diff(column) < 0).all()


def test_whoever_passes_behind_a_pillar_is_hidden_by_it():
    seen, hidden = shot(Performance("red"), size="full"), shot(Performance("red", behind="pillar"), size="full")
    assert (depth(hidden) < depth(seen) - 0.4).any()


def test_every_shot_goes_from_black_to_white():
    plan = planned(Shot(seconds=2, subjects=("red",), size="close"), Shot(seconds=2, subjects=("blue",), size="wide"))
    made = film.depth_film(plan, CAST, 64, 36)
    assert made.shape == (plan.frames, 36, 64) and made.dtype == np.uint8
    for cut in plan.shots:
        assert (made[cut.start : cut.stop].min(), made[cut.start : cut.stop].max()) == (0, 255)


def test_whoever_comes_nearer_grows_brighter_through_the_shot():
    move = CameraMove(kind="dolly", direction="in", amount=1.2)
    made = film.depth_film(planned(Shot(seconds=3, subjects=("red",), size="full", camera=(move,))), CAST, 64, 36)
    middle = made[:, 12:24, 30:34].reshape(len(made), -1).astype(float)
    assert np.median(middle[-1]) > np.median(middle[0]) + 20


def test_it_is_the_same_in_portions(monkeypatch):
    plan = planned(Shot(seconds=3, actions=(Action(subject="red", verb="dance"),)))
    whole = film.depth_film(plan, CAST, 64, 36)
    monkeypatch.setattr(film, "PORTION_PIXELS", 5 * 64 * 36)
    assert np.array_equal(film.depth_film(plan, CAST, 64, 36), whole)


def test_the_camera_moves_what_stands_still():
    still, moved = depth(alone()), depth(alone(camera=(PlannedMove("truck", "left", 0.8),)))
    assert np.array_equal(still[0, :, :40], still[-1, :, :40])
    assert not np.allclose(moved[0], moved[-1], atol=0.2)


def test_it_can_be_cancelled_between_portions(monkeypatch, cancels_at_the_third):
    monkeypatch.setattr(film, "PORTION_PIXELS", 5 * 64 * 36)
    with pytest.raises(KeyboardInterrupt):
        film.depth_film(planned(Shot(seconds=3)), CAST, 64, 36, stop_if_cancelled=cancels_at_the_third)
    assert cancels_at_the_third.asked == 3
