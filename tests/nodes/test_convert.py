"""Between ComfyUI's types and the core's."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kling_core.backbone import Latents
from kling_core.errors import KlingError


@pytest.fixture
def convert(pack):
    return pack.convert


@pytest.fixture
def latents():
    return Latents(torch.randn(5, 3, 2, 4), torch.randn(40, 6))


def scene_of(latents, audio_axis=1):
    return SimpleNamespace(latents=latents, backbone=SimpleNamespace(audio_axis=audio_axis))


@pytest.fixture
def latent(convert, latents):
    return convert.latent(scene_of(latents))


def test_a_picture_survives_the_way_through_an_image(convert):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    assert np.array_equal(convert.picture(convert.image(pictures)), pictures[0])


def test_a_picture_loses_its_alpha_and_what_lies_outside_of_0_to_1(convert):
    image = torch.tensor([[[[-0.5, 0.5, 1.5, 0.3]]]])
    assert convert.picture(image).tolist() == [[[0, 128, 255]]]


def test_a_film_is_its_chunks_in_order_and_progress_counts_frames(convert):
    chunks = [np.full((3, 2, 2, 3), 51, np.uint8), np.full((2, 2, 2, 3), 255, np.uint8)]
    seen = []
    film = convert.film(iter(chunks), 5, lambda done, frames: seen.append((done, frames)))
    assert film.shape == (5, 2, 2, 3) and film.dtype == torch.float32
    assert film[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 1, 1])
    assert seen == [(3, 5), (5, 5)]


def test_a_recording_is_the_first_of_the_batch(convert):
    waveform = torch.arange(12.0).reshape(2, 2, 3)
    samples, rate = convert.recording({"waveform": waveform, "sample_rate": 44100})
    assert samples.tolist() == [[0, 1, 2], [3, 4, 5]] and samples.dtype == np.float32 and rate == 44100


def test_latents_are_a_nested_pair_of_batched_picture_and_sound(latent):
    video, sound = latent["samples"].unbind()
    assert latent["samples"].is_nested
    assert video.shape == (1, 3, 5, 2, 4) and sound.shape == (1, 6, 40)


@pytest.mark.parametrize(("audio", "axis", "shape"), [
    ((40, 32, 2), 2, (1, 32, 2, 40)),  # MiniMax H3
    ((25, 8, 16), 1, (1, 8, 25, 16)),  # LTX
])
def test_sound_of_every_family_has_its_time_where_the_family_has_it(convert, audio, axis, shape):
    latents = Latents(torch.randn(5, 3, 2, 4), torch.randn(audio))
    latent = convert.latent(scene_of(latents, axis))
    assert latent["samples"].unbind()[1].shape == shape
    assert torch.equal(convert.latents(latent)[0].audio, latents.audio)


def test_a_silent_film_is_a_plain_latent(convert):
    latents = Latents(torch.randn(5, 3, 2, 4), torch.zeros(0, 1))
    latent = convert.latent(scene_of(latents))
    assert latent["samples"].shape == (1, 3, 5, 2, 4)
    back = convert.latents(latent)[0]
    assert torch.equal(back.video, latents.video) and back.audio.shape == (0, 1)


def test_latents_come_back_as_they_were(convert, latents, latent):
    back, scene = convert.latents(latent)
    assert torch.equal(back.video, latents.video) and torch.equal(back.audio, latents.audio)
    assert scene is latent[convert.SCENE]


def test_a_latent_of_another_sampler_is_refused_with_a_remedy(convert, latent):
    with pytest.raises(KlingError, match="VideoSampler"):
        convert.latents({"samples": latent["samples"]})


def test_a_latent_with_picture_only_is_refused(convert, latent):
    with pytest.raises(KlingError, match="Concat AV Latent"):
        convert.latents({**latent, "samples": torch.zeros(1, 3, 5, 2, 4)})


def test_a_cropped_latent_is_refused(convert, latent):
    video, sound = latent["samples"].unbind()
    latent["samples"].tensors = [video[:, :, :-1], sound]
    with pytest.raises(KlingError, match="size"):
        convert.latents(latent)


@pytest.mark.parametrize("sound", [True, False])
def test_a_batch_of_takes_is_refused_with_a_remedy(convert, latents, latent, sound):
    if not sound:
        latent = convert.latent(scene_of(replace(latents, audio=torch.zeros(0, 1))))
    parts = latent["samples"].unbind() if sound else [latent["samples"]]
    twice = [part.repeat_interleave(2, 0) for part in parts]
    latent["samples"] = type(latent["samples"])(twice) if sound else twice[0]
    with pytest.raises(KlingError, match="several takes.*repeat or batch"):
        convert.latents(latent)


@pytest.mark.parametrize(("pictures", "size"), [(1, (8, 4)), (2, (16, 4)), (4, (24, 8)), (30, (24, 8))])
def test_a_contact_sheet_has_rows_of_three(convert, pictures, size):
    assert convert.contact_sheet(torch.rand(pictures, 4, 8, 3)).size == size


def test_a_contact_sheet_spreads_over_all_pictures_in_reading_order(convert):
    pictures = torch.linspace(0, 1, 11).reshape(11, 1, 1, 1).expand(11, 2, 2, 3)
    sheet = np.asarray(convert.contact_sheet(pictures))[::2, ::2, 0]
    assert sheet[0, 0] == 0 and sheet[-1, -1] == 255
    assert np.all(np.diff(sheet.ravel().astype(int)) > 0)
