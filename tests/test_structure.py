"""The structure guide on the shipped weights: strength 0 is pure generation, 1 is the draft as the decoder shows it."""

import numpy as np
import pytest
import torch

from kling_core.backbone import Settings
from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError
from kling_core.previz.draft import draft
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.render import render
from kling_core.retakes import retake_of
from kling_core.storyboard.script import parse_script
from kling_core.take import Take

LOOK = Look(top=(0.08, 0.2, 0.9), hair=(0.08, 0.06, 0.05), hat="beanie")
CAST = Cast((Binding(Element("azur", views=portraits(LOOK, 96), look=LOOK.to_json(), origin="stage")),))
SCENE = parse_script(
    "Shot 1 (1s, wide): @azur walks right in the park. Shot 2 (1s, medium): Azur waves. Shot 3 (1s): Azur nods.",
    ("azur",),
)  # fmt: skip
SETTINGS = Settings(steps=2)


@pytest.fixture(scope="module")
def pure(backbone):
    return render(SCENE, CAST, backbone, seed=2, settings=SETTINGS)


@pytest.fixture(scope="module")
def guide(backbone, pure):
    return backbone.encode_video(draft(pure.plan, CAST, *pure.plan.size), pure.plan)


def guided(backbone, strength, **how):
    return render(SCENE, CAST, backbone, seed=2, settings=SETTINGS, structure=strength, **how)


def frames(backbone, plan, video):
    empty = backbone.empty(plan)
    return np.concatenate(list(backbone.decode_video(type(empty)(video, empty.audio), plan, CAST))).astype(float)


def psnr(one, other):
    return 10 * np.log10(255**2 / max(np.square(one - other).mean(), 1e-9))


def test_a_whole_film_is_encoded_shot_by_shot(backbone, pure, guide):
    assert guide.shape == pure.latents.video.shape
    portions = np.concatenate(list(draft(pure.plan, CAST, *pure.plan.size)))
    again = backbone.encode_video((portions[at : at + 5] for at in range(0, len(portions), 5)), pure.plan)
    assert torch.equal(again, guide)


def test_full_strength_shows_the_draft_as_the_decoder_does(backbone, pure, guide):
    scene = guided(backbone, 1.0)
    found, wanted = frames(backbone, pure.plan, scene.latents.video), frames(backbone, pure.plan, guide)
    assert psnr(found, wanted) > 45
    assert "draw" in scene.timings and scene.structure == 1


def test_no_strength_is_pure_generation_to_the_bit(backbone, pure):
    scene = guided(backbone, 0.0)
    assert torch.equal(scene.latents.video, pure.latents.video) and np.array_equal(scene.sound, pure.sound)


def test_the_stronger_the_nearer_to_the_draft(backbone, pure, guide):
    wanted = frames(backbone, pure.plan, guide)
    found = [frames(backbone, pure.plan, guided(backbone, strength).latents.video) for strength in (0.0, 0.4, 0.8)]
    near = [psnr(film, wanted) for film in found]
    assert near[0] + 1 < near[1] and near[1] + 1 < near[2], near


def test_a_guided_retake_leaves_the_other_shots_alone(backbone, pure):
    scene = guided(backbone, 0.7, retake=retake_of(Take.of(pure), "2", 3))
    second = slice(3, 6)
    assert torch.equal(scene.latents.video[:3], pure.latents.video[:3])
    assert torch.equal(scene.latents.video[6:], pure.latents.video[6:])
    assert not torch.allclose(scene.latents.video[second], pure.latents.video[second])


def test_strengths_beyond_the_draft_are_refused(backbone):
    with pytest.raises(KlingError, match="1.2 is not between 0 and 1"):
        guided(backbone, 1.2)
