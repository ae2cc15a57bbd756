from dataclasses import replace

import numpy as np
import pytest
import torch
from staging import alone, blocked, inside, shot, together, wardrobes

from kling_core.previz.collage import CHANNELS, collage
from kling_core.previz.geometry import FEATURES, NOBODY, shot_geometry
from kling_core.previz.world import GRID, PATCH

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
    silent, speaking = geometry(planned), geometry(planned, {"red": np.ones(8, np.float32)})
    changed = np.abs(silent.features - speaking.features).max(-1) > 1e-6
    assert changed.any() and (speaking.owner[changed] == 0).all()


def test_the_collage_shows_each_persons_clothes_in_that_persons_box():
    planned = together()
    pasted = collage(blocked(planned), np.array([2]), wardrobes(), 9, 16)
    picture = pasted[0].reshape(9, 16, 4, PATCH, PATCH).permute(0, 3, 1, 4, 2).reshape(72, 128, 4).numpy()
    assert pasted.shape[-1] == CHANNELS
    for track, channel in zip(blocked(planned).subjects, (0, 2)):
        x0, y0, x1, y1 = track.body[2]
        rows, columns = inside((x0, y0 + 0.45 * (y1 - y0), x1, y0 + 0.7 * (y1 - y0)), 72, 128)
        colour = picture[rows, columns].reshape(-1, 4).mean(0)
        assert colour[:3].argmax() == channel and colour[3] > 0.9


def test_nobody_is_pasted_who_is_not_bound():
    assert collage(blocked(alone()), np.array([2]), {}, 9, 16).abs().sum() == 0


@pytest.mark.parametrize("turned", [-0.6, 0.0, 0.6])
def test_a_face_looks_where_its_head_is_turned(turned):
    """The nose of somebody who turns to screen right is right of the middle: a head's radius times the sine."""
    blocking = blocked(alone())
    track = blocking.subjects[0]
    track = replace(track, facing=np.full_like(track.facing, turned))
    wardrobe = next(iter(wardrobes().values()))
    nose = torch.zeros_like(wardrobe.detail)
    nose[:2, :, 31:33], nose[3] = 1, 1
    cast = {track.subject: replace(wardrobe, detail=nose, body=torch.zeros_like(wardrobe.body))}
    pasted = collage(replace(blocking, subjects=(track,)), np.array([2]), cast, 9, 16)
    picture = pasted[0].reshape(9, 16, 4, PATCH, PATCH).permute(0, 3, 1, 4, 2).reshape(72, 128, 4).numpy()
    x0, y0, x1, y1 = track.head[2] * (128, 72, 128, 72)
    row = picture[round((y0 + y1) / 2), :, 0]
    assert abs(row.argmax() + 0.5 - ((x0 + x1) / 2 + np.sin(turned) * (x1 - x0) / 2 * 0.28 / 0.3)) < 1
