"""The true classes of MiniMax H3's VAEs, made small: streaming is exact, sound and guides fit the film."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from families import FAMILIES
from tiny_models import minimax_h3_audio_vae, minimax_h3_vae

from kling_core.elements.element import Cast
from kling_core.plan.resolve import plan as resolve
from kling_core.sampling.retake import latent_shots
from kling_core.storyboard.script import parse_script

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes():
    with torch.inference_mode():
        yield


def h3(short_edge=64, **vaes):
    backbone = FAMILIES["h3"].backbone(short_edge=short_edge)
    backbone.connected = replace(backbone.connected, **vaes)
    return backbone


def planned(backbone, seconds):
    """Shots of so many seconds, in a scene that may be shorter than the model makes well."""
    script = " ".join(f"Shot {number} ({length}s, wide): A tree." for number, length in enumerate(seconds, 1))
    return resolve(parse_script(script), Cast(), backbone.grid, replace(backbone.limits, seconds=(0.5, 5.0)))


def test_decoding_in_pieces_is_decoding_the_whole():
    backbone = h3(vae=minimax_h3_vae())
    plan, vae = planned(backbone, (2, 2.1)), backbone.connected.vae
    video = torch.randn(backbone.empty(plan).video.shape, generator=torch.Generator().manual_seed(0))
    latents = replace(backbone.empty(plan), video=video)
    whole = vae.decode(video.transpose(0, 1)[None])[0]
    whole = (whole.float().clamp(0, 1) * 255).round().byte().numpy()
    assert whole.std() > 10 and len(whole) == plan.frames
    width, height = plan.size
    group = 17 * width * height * 3 * 5
    for budget, most in ((1, 22), (3 * group, 39), (None, plan.frames)):
        pieces = list(backbone.decode_video(latents, plan, Cast(), memory_budget=budget))
        assert max(map(len, pieces)) <= most and np.array_equal(np.concatenate(pieces), whole)
    assert [len(piece) for piece in pieces] == [shot.frames for shot in plan.shots]


def test_its_sound_lasts_as_long_as_the_film():
    backbone = h3(audio_vae=minimax_h3_audio_vae())
    plan = planned(backbone, (1,))
    audio = torch.randn(backbone.empty(plan).audio.shape, generator=torch.Generator().manual_seed(0))
    sound = backbone.decode_audio(replace(backbone.empty(plan), audio=audio), plan)
    assert sound.dtype == np.float32 and sound.shape == (2, round(plan.seconds * 32000))
    assert np.isfinite(sound).all() and not np.array_equal(sound[0], sound[1])


def test_a_guides_shots_are_encoded_each_by_itself():
    """The VAE takes 17 frames at a time, and cuts lie between those."""
    backbone = h3(short_edge=32, vae=minimax_h3_vae())
    plan = planned(backbone, (1, 1))
    film = np.random.default_rng(0).integers(0, 256, (plan.frames, *plan.size[::-1], 3), dtype=np.uint8)
    other = film.copy()
    other[plan.shots[1].start :] = 0
    one, two = (backbone.encode_video([each], plan) for each in (film, other))
    stays = latent_shots(plan) == 0
    assert one.shape == backbone.empty(plan).video.shape
    assert torch.equal(one[stays], two[stays]) and not torch.equal(one[~stays], two[~stays])
