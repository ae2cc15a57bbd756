"""Stills: the middle of every shot, just as the draft has it."""

import numpy as np

from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.draft import draft
from kling_core.previz.stage.look import Look
from kling_core.previz.stills import stills
from kling_core.previz.world import GRID, LIMITS
from kling_core.storyboard.script import parse_script

CAST = Cast((Binding(Element("mira", look=Look(hat="beanie").to_json(), origin="stage")),))
SCENE = parse_script(
    "Shot 1 (1s, wide): @mira walks left behind a tree. Shot 2 (2s, close-up, pan right): Mira waves.", ("mira",)
)


def test_a_still_is_the_middle_frame_of_the_draft():
    plan = resolve(SCENE, CAST, GRID, LIMITS, seed=5)
    film = np.concatenate(list(draft(plan, CAST, 96, 54)))
    found = list(stills(plan, CAST, 96, 54))
    assert len(found) == 2
    for still, shot in zip(found, plan.shots):
        middle = film[shot.start + shot.frames // 2].astype(int)
        assert still.shape == (54, 96, 3) and np.abs(still - middle).max() <= 1
        assert np.abs(still - film[shot.start].astype(int)).max() > 20
