"""Schedules, per-token mixing, and noise that belongs to shots."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sampling_scenes import make_plan, scene_noise

from kling_core.backbone import Latents
from kling_core.errors import KlingError
from kling_core.sampling.flow import Sigmas, mix, schedule
from kling_core.sampling.retake import audio_shots, latent_shots


@given(st.integers(1, 60), st.floats(0.2, 15))
def test_a_schedule_falls_from_one_to_zero(steps, shift):
    levels = schedule(steps, shift)
    assert len(levels) == steps + 1 and levels[0] == 1 and levels[-1] == 0
    assert all(before > after for before, after in zip(levels, levels[1:], strict=False))


def test_shift_moves_steps_to_high_noise():
    assert schedule(4) == (1.0, 0.75, 0.5, 0.25, 0.0)
    assert schedule(4, 3.0)[2] == pytest.approx(0.75)


def test_no_steps_are_a_users_mistake():
    with pytest.raises(KlingError, match="0 steps"):
        schedule(0)


def test_mix_gives_each_token_its_own_level():
    clean = Latents(torch.full((1, 2, 1, 3), 5.0), torch.full((2, 2), 5.0))
    noisy = Latents(torch.ones(1, 2, 1, 3), torch.ones(2, 2))
    mixed = mix(clean, noisy, Sigmas(torch.tensor([[[0.0, 0.5, 1.0]]]), torch.tensor([0.25, 1.0])))
    assert mixed.video[0, :, 0].tolist() == [[5, 3, 1], [5, 3, 1]]
    assert mixed.audio.tolist() == [[4, 4], [1, 1]]


def test_noise_is_standard_normal_and_repeats():
    plan = make_plan((200, 200))
    first, again, other = scene_noise(plan, 3), scene_noise(plan, 3), scene_noise(plan, 4)
    assert torch.equal(first.video, again.video) and torch.equal(first.audio, again.audio)
    assert not torch.equal(first.video, other.video)
    for values in (first.video, first.audio):
        assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.05


def test_shots_and_streams_do_not_share_noise():
    plan = make_plan((2, 2))
    video = scene_noise(plan).video
    assert not torch.equal(video[:2], video[2:])
    assert len(video.unique()) == video.numel()


def test_a_new_seed_for_one_shot_leaves_the_noise_of_the_others():
    plan = make_plan()
    before, after = scene_noise(plan, [5, 5, 5, 5]), scene_noise(plan, [5, 5, 6, 5])
    assert torch.equal(before.video, scene_noise(plan, 5).video)
    same_video = (before.video == after.video).flatten(1).all(1)
    same_audio = (before.audio == after.audio).all(1)
    assert torch.equal(same_video, latent_shots(plan) != 2)
    assert torch.equal(same_audio, audio_shots(plan) != 2)


def test_a_longer_shot_leaves_the_noise_of_the_others():
    short, long = make_plan((2, 3, 2)), make_plan((2, 5, 2))
    assert torch.equal(scene_noise(short).video[-2:], scene_noise(long).video[-2:])
    ends = [scene_noise(plan).audio[audio_shots(plan) == 2] for plan in (short, long)]
    assert torch.equal(*ends)


def test_noise_leaves_the_global_generator_alone():
    state = torch.random.get_rng_state()
    scene_noise(make_plan())
    assert torch.equal(torch.random.get_rng_state(), state)
