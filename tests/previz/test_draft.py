"""The draft comes in portions, and they are the drawing."""

import numpy as np
import pytest

from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.references import Reference
from kling_core.plan.resolve import plan as resolve
from kling_core.previz import draft as drafting
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.scene import SUPERSAMPLING, draw_shot
from kling_core.previz.world import GRID, LIMITS
from kling_core.storyboard.storyboard import Action, Shot, Storyboard

LOOKS = {"ana": Look(hair_style="long"), "ben": Look(hat="brim", height=0.95)}
CAST = Cast(tuple(Binding(Element(name, look=look.to_json(), origin="stage")) for name, look in LOOKS.items()))


@pytest.fixture(scope="module")
def plan():
    dancing = tuple(Action(subject=name, verb=verb) for name, verb in (("ana", "dance"), ("ben", "bounce")))
    shots = (Shot(seconds=2, actions=dancing), Shot(seconds=1, subjects=("ana",), place="room"))
    return resolve(Storyboard(shots=shots), CAST, GRID, LIMITS)


def test_portions_are_small_and_together_the_whole_drawing(plan, monkeypatch):
    frames, (width, height) = 5, (96, 54)
    monkeypatch.setattr(drafting, "PORTION_PIXELS", frames * width * height * SUPERSAMPLING**2)
    portions = list(drafting.draft(plan, CAST, width, height))
    assert max(len(portion) for portion in portions) == frames and len(portions) == 5 + 3
    whole = [draw_shot(shot, it, LOOKS, {}, width, height).numpy() for shot, it in zip(plan.shots, plan.blocking)]
    assert np.array_equal(np.concatenate(portions), np.concatenate(whole))


def test_a_large_draft_comes_frame_by_frame(plan):
    assert len(next(iter(drafting.draft(plan, CAST, 1280, 720)))) == 1


def test_a_guide_that_is_cancelled_stops_within_a_few_frames(plan, monkeypatch, cancels_at_the_third):
    monkeypatch.setattr(drafting, "PORTION_PIXELS", 5 * 96 * 54)
    guide = Reference("video", 1, None, size=(96, 54), seconds=(0.0, plan.seconds))
    with pytest.raises(KeyboardInterrupt):
        drafting.guide_frames(plan, CAST, guide, stop_if_cancelled=cancels_at_the_third)
    assert cancels_at_the_third.asked == 3
