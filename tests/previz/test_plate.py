import pytest
import torch
from staging import alone, blocked

from kling_core.plan.plan import PlannedMove
from kling_core.previz.plate import plate_of
from kling_core.previz.stage.light import light_of
from kling_core.previz.stage.places import background
from kling_core.previz.stage.renderer import View
from kling_core.storyboard.storyboard import PLACES

WIDTH, HEIGHT = 128, 72


def view_of(place, *moves):
    return View(blocked(alone(place=place, camera=moves)).camera, WIDTH, HEIGHT)


def true_picture(place, view):
    colour, _ = background(place, light_of(place, "day"), view.eye, view.directions())
    return colour.clamp(0, 1).permute(0, 3, 1, 2) * 2 - 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("move", [None, PlannedMove("orbit", "left", 200.0), PlannedMove("truck", "right", 1.0)])
def test_a_moving_camera_sees_the_place_as_it_is(place, move):
    """But for what lies nearer than the picture is sharp: three quarters of the contrast at least."""
    view = view_of(place, *([move] if move else []))
    truth, seen = true_picture(place, view), plate_of(place, "day").seen(view)
    assert seen[:, 3].min() > 0.999
    assert (seen[:, :3] - truth).square().mean() < 0.25 * truth.var() + 1e-4


def test_places_differ_and_hours_differ():
    pictures = [plate_of(place, hour).panorama for place in ("park", "shop") for hour in ("day", "sunset")]
    for number, one in enumerate(pictures):
        for other in pictures[:number]:
            assert not torch.equal(one, other)


def test_of_a_place_seen_from_one_side_the_rest_is_unknown():
    half = plate_of("room", "day").ahead(1.0)
    ahead, behind = half.seen(view_of("room")), half.seen(view_of("room", PlannedMove("orbit", "left", 359.0)))[:1]
    assert ahead[:, 3].mean() > 0.95 and behind[:, 3].mean() < 0.05
    assert (behind[:, :3].permute(0, 2, 3, 1)[behind[:, 3] == 0] == 0).all()


def test_no_seam_shows_behind_the_camera():
    view = view_of("park", PlannedMove("orbit", "left", 359.0))
    seen = plate_of("park", "day").seen(view)
    assert (seen[:, :3] - true_picture("park", view)).abs().mean((1, 2, 3)).max() < 0.1
