import numpy as np
import pytest
from staging import alone, blocked, inside, shot, together

from kling_core.previz.geometry import FEATURES, NOBODY, shot_geometry
from kling_core.previz.world import GRID

LATENTS = np.arange(2)


def geometry(planned, mouths=None, aspect="16:9"):
    rows, columns = GRID.tokens_per_latent(aspect)
    return shot_geometry(planned.place, blocked(planned, aspect), mouths or {}, LATENTS, rows, columns)


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
def test_every_aspect_has_as_many_tokens(aspect):
    assert geometry(alone(), aspect=aspect).features.shape[1:3] == GRID.tokens_per_latent(aspect)
    assert np.prod(GRID.tokens_per_latent(aspect)) == 144


def test_two_people_own_tokens_of_their_own_boxes():
    planned = together()
    owner = geometry(planned).owner[0]
    for number, track in enumerate(blocked(planned).subjects):
        region = owner[inside(track.body[2], 9, 16)]
        assert region.size and (region == number).mean() > 0.9
    assert (owner[:, 0] == NOBODY).all()


def test_an_empty_shot_has_no_owners():
    planned = geometry(shot())
    assert (planned.owner == NOBODY).all() and np.isfinite(planned.features).all()
    assert planned.features.shape[-1] == FEATURES


def test_only_the_speakers_face_is_told_that_the_mouth_opens():
    planned = together()
    silent, speaking = geometry(planned), geometry(planned, {"red": np.ones((8, 2), np.float32)})
    changed = np.abs(silent.features - speaking.features).max(-1) > 1e-6
    assert changed.any() and (speaking.owner[changed] == 0).all()
