"""Keeps: retakes leave everything else to the bit, given pictures and sound stay, several Keeps together."""

import pytest
import torch
from sampling_scenes import CHANNELS, SIZE, CoupledDenoiser, make_plan, scene_noise

from kling_core.backbone import Latents
from kling_core.errors import KlingError
from kling_core.sampling.flow import schedule
from kling_core.sampling.retake import (
    AMBIENCE,
    SPEECH,
    audio_frames,
    audio_shots,
    audio_tracks,
    first_last_frame,
    given_sound,
    guided_by,
    keep_all_but,
    latent_shots,
    merged,
)
from kling_core.sampling.solvers import SOLVERS

PLAN = make_plan()


def sample(seed, keep=None, solver="euler"):
    return SOLVERS[solver](CoupledDenoiser(), scene_noise(PLAN, seed), schedule(4), keep)


def test_tokens_are_mapped_to_frames_tracks_and_shots():
    plan = make_plan((1, 2))
    assert audio_frames(plan).tolist() == [*range(12), *range(12)]
    assert audio_tracks(plan).tolist() == [SPEECH] * 12 + [AMBIENCE] * 12
    assert audio_shots(plan).tolist() == ([0] * 4 + [1] * 8) * 2
    assert latent_shots(plan).tolist() == [0, 1, 1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_retaking_shot_3_leaves_every_other_shot_bit_identical(solver):
    take = sample(1, solver=solver)
    retake = sample(2, keep_all_but(PLAN, take, [2]), solver)
    third = latent_shots(PLAN) == 2
    ambience_of_third = (audio_shots(PLAN) == 2) & (audio_tracks(PLAN) == AMBIENCE)
    assert torch.equal(retake.video[~third], take.video[~third])
    assert torch.equal(retake.audio[~ambience_of_third], take.audio[~ambience_of_third])
    assert (retake.video[third] != take.video[third]).flatten(1).any(1).all()
    assert (retake.audio[ambience_of_third] != take.audio[ambience_of_third]).any(1).all()


def test_a_retake_is_made_to_fit_the_shots_that_stay():
    take, other = sample(1), sample(9)
    fitted, elsewhere = (sample(2, keep_all_but(PLAN, one, [2])) for one in (take, other))
    third = latent_shots(PLAN) == 2
    assert not torch.equal(fitted.video[third], elsewhere.video[third])


def test_a_retake_does_not_change_the_take():
    take = sample(1)
    video = take.video.clone()
    sample(2, keep_all_but(PLAN, take, [0, 3]))
    assert torch.equal(take.video, video)


def test_mistakes_of_a_retake_are_told_all_at_once():
    with pytest.raises(KlingError) as caught:
        keep_all_but(PLAN, scene_noise(make_plan((2, 2))), [1, 6])
    assert [problem.what for problem in caught.value.problems] == [
        "there is no shot 7",
        "the take has 4 video latents, the plan 8",
        "the take has 32 audio latents, the plan 64",
    ]


def test_first_and_last_frame_stay():
    first, last = torch.randn(CHANNELS[0], *SIZE), torch.randn(CHANNELS[0], *SIZE)
    found = sample(1, first_last_frame(scene_noise(PLAN), first, last))
    assert torch.equal(found.video[0], first) and torch.equal(found.video[-1], last)
    assert not torch.equal(found.video[1:-1], sample(1).video[1:-1])


def test_only_the_picture_that_is_given_is_kept():
    keep = first_last_frame(scene_noise(PLAN), last=torch.ones(CHANNELS[0], *SIZE), strength=0.5)
    assert keep.video.flatten(1).amax(1).tolist() == [0.0] * 7 + [0.5]
    assert not keep.audio.any()


def test_given_speech_stays_and_ambience_is_made():
    speech = torch.randn(PLAN.frames, CHANNELS[1])
    found = sample(1, given_sound(scene_noise(PLAN), speech))
    assert torch.equal(found.audio[audio_tracks(PLAN) == SPEECH], speech)
    assert torch.isfinite(found.audio).all() and found.audio[audio_tracks(PLAN) == AMBIENCE].any()


def test_new_lines_replace_the_speech_that_a_retake_keeps():
    take = sample(1)
    speech = torch.randn(PLAN.frames, CHANNELS[1])
    keep = merged(keep_all_but(PLAN, take, [2]), given_sound(take, speech))
    assert torch.equal(keep.latents.audio[audio_tracks(PLAN) == SPEECH], speech)
    ambience = (audio_tracks(PLAN) == AMBIENCE) & (audio_shots(PLAN) != 2)
    assert torch.equal(keep.latents.audio[ambience], take.audio[ambience])
    assert torch.equal(keep.latents.video[latent_shots(PLAN) != 2], take.video[latent_shots(PLAN) != 2])
    assert torch.equal(keep.audio == 1, (audio_tracks(PLAN) == SPEECH) | (audio_shots(PLAN) != 2))


def test_the_stronger_keep_has_its_value():
    like = Latents(torch.zeros(2, 3, 1, 1), torch.zeros(2, 2))
    strong = first_last_frame(like, torch.full((3, 1, 1), 1.0))
    weak = first_last_frame(like, torch.full((3, 1, 1), 2.0), torch.full((3, 1, 1), 2.0), strength=0.5)
    for keep in (merged(strong, weak), merged(weak, strong)):
        assert keep.latents.video[:, 0, 0, 0].tolist() == [1, 2]
        assert keep.video[:, 0, 0].tolist() == [1, 0.5]


def test_tokens_of_stereo_sound_are_kept_whole():
    """Some models' audio tokens are [tokens, channels, 2]."""
    like = Latents(torch.zeros(2, 3, 4, 4), torch.zeros(6, 5, 2))
    sound = torch.randn(6, 5, 2)
    given, nothing = given_sound(like, sound, track=0), guided_by(like, torch.ones_like(like.video), 0.5)
    for keep in (merged(given, nothing), merged(nothing, given)):
        assert keep.audio.tolist() == [1.0] * 6 and torch.equal(keep.latents.audio, sound)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_guide_at_full_strength_is_the_film_and_at_none_leaves_no_trace(solver):
    guide = torch.randn_like(scene_noise(PLAN).video)
    assert torch.equal(sample(1, guided_by(scene_noise(PLAN), guide, 1.0), solver).video, guide)
    free, unguided = sample(1, guided_by(scene_noise(PLAN), guide, 0.0), solver), sample(1, solver=solver)
    assert torch.equal(free.video, unguided.video) and torch.equal(free.audio, unguided.audio)


def test_sampling_starts_from_the_guide_at_the_level_of_its_strength_and_takes_every_step():
    guide, start, seen = torch.full_like(scene_noise(PLAN).video, 2.0), scene_noise(PLAN), []

    def denoise(latents, sigmas):
        seen.append((latents, sigmas))
        return latents

    SOLVERS["euler"](denoise, start, schedule(4), guided_by(start, guide, 0.75))
    latents, sigmas = seen[0]
    assert torch.allclose(latents.video, 0.75 * guide + 0.25 * start.video)
    assert torch.equal(latents.audio, start.audio) and bool((sigmas.audio == 1).all())
    assert [round(float(sigmas.video.max()), 4) for _, sigmas in seen] == [0.25, 0.1875, 0.125, 0.0625]


def test_a_guide_gives_way_to_what_stays():
    take, guide = sample(1), torch.randn_like(scene_noise(PLAN).video)
    for strength in (0.5, 1.0):
        found = sample(2, merged(guided_by(take, guide, strength), keep_all_but(PLAN, take, [2])))
        assert torch.equal(found.video[latent_shots(PLAN) != 2], take.video[latent_shots(PLAN) != 2])
    assert torch.equal(found.video[latent_shots(PLAN) == 2], guide[latent_shots(PLAN) == 2])


def test_a_strength_beyond_the_guide_is_a_users_mistake():
    with pytest.raises(KlingError, match="not between 0 and 1"):
        guided_by(scene_noise(PLAN), scene_noise(PLAN).video, -0.1)
