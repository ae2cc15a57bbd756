"""Solvers against flows whose end is known, per-token levels, progress and interrupts."""

import copy

import pytest
import torch
from sampling_scenes import MEAN, CoupledDenoiser, gaussian_denoiser, gaussian_end, make_plan, scene_noise

from kling_core.backbone import Keep, Latents
from kling_core.sampling.flow import schedule
from kling_core.sampling.solvers import SOLVERS, euler, heun

both_solvers = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def double(latents: Latents) -> Latents:
    return Latents(latents.video.double(), latents.audio.double())


def keep_like(latents: Latents, video: float, audio: float, value: float = MEAN) -> Keep:
    clean = Latents(torch.full_like(latents.video, value), torch.full_like(latents.audio, value))
    return Keep(clean, torch.full_like(latents.video[:, 0], video), torch.full_like(latents.audio[:, 0], audio))


def error(solver, steps: int) -> float:
    start = double(scene_noise(make_plan()))
    found = solver(gaussian_denoiser, start, schedule(steps))
    return float((found.video - gaussian_end(start.video, 1.0)).abs().max())


@pytest.mark.parametrize(("solver", "order"), [(euler, 1), (heun, 2)])
def test_error_falls_with_the_solvers_order(solver, order):
    errors = [error(solver, steps) for steps in (32, 64, 128)]
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert coarse / fine == pytest.approx(2**order, rel=0.25)


def test_heun_with_half_the_steps_beats_euler():
    assert error(heun, 8) < error(euler, 16) / 2


@both_solvers
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_denoiser_that_knows_the_answer_is_followed_exactly(solver, steps):
    start = scene_noise(make_plan())
    answer = scene_noise(make_plan(), seed=1)
    found = solver(lambda latents, sigmas: answer, start, schedule(steps, 3.0))
    assert torch.equal(found.video, answer.video) and torch.equal(found.audio, answer.audio)


@both_solvers
def test_fractional_keep_follows_the_flow_from_its_own_level(solver):
    start = double(scene_noise(make_plan()))
    keep = keep_like(start, 0.7, 0.2, value=1.5)
    found = solver(gaussian_denoiser, start, schedule(400), keep)
    for stream, level in (("video", 0.3), ("audio", 0.8)):
        begin = (1 - level) * 1.5 + level * getattr(start, stream)
        assert torch.allclose(getattr(found, stream), gaussian_end(begin, level), atol=5e-3)


@both_solvers
def test_every_token_is_shown_at_its_own_level(solver):
    start = scene_noise(make_plan())
    keep = keep_like(start, 0.0, 1.0)
    keep.video[1] = 0.5
    keep.video[2] = 1.0
    seen = []

    def denoise(latents, sigmas):
        seen.append((latents, sigmas))
        return latents

    solver(denoise, start, schedule(4), keep)
    for latents, sigmas in seen:
        sigma = float(sigmas.video[0].max())
        assert sigma > 0 and bool((sigmas.video[0] == sigma).all())
        assert bool((sigmas.video[1] == 0.5 * sigma).all())
        assert not sigmas.video[2].any() and not sigmas.audio.any()
        assert torch.equal(latents.video[2], keep.latents.video[2])
        assert torch.equal(latents.audio, keep.latents.audio)


@both_solvers
def test_values_under_a_zero_mask_do_not_matter(solver):
    start = scene_noise(make_plan())
    keep = keep_like(start, 0.0, 0.0, value=float("nan"))
    kept, free = (solver(CoupledDenoiser(), start, schedule(3), one) for one in (keep, None))
    assert torch.equal(kept.video, free.video) and torch.equal(kept.audio, free.audio)


@both_solvers
def test_what_is_kept_survives_a_denoiser_that_breaks_it(solver):
    start = scene_noise(make_plan())
    keep = keep_like(start, 1.0, 0.0)
    nan = Latents(torch.full_like(start.video, float("nan")), start.audio)
    found = solver(lambda latents, sigmas: nan, start, schedule(3), keep)
    assert torch.equal(found.video, keep.latents.video)


@both_solvers
def test_progress_is_told_each_step_with_the_prediction(solver):
    told = []
    start = scene_noise(make_plan())
    found = solver(CoupledDenoiser(), start, schedule(3), progress=lambda *step: told.append(step))
    assert [(step, steps) for step, steps, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert torch.equal(told[-1][2].video, found.video)


@both_solvers
def test_an_interrupt_passes_through_and_nothing_is_changed(solver):
    start = scene_noise(make_plan())
    keep = keep_like(start, 0.5, 1.0)
    before = copy.deepcopy((start, keep))

    def interrupt(step, steps, clean):
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solver(CoupledDenoiser(), start, schedule(5), keep, interrupt)
    assert torch.equal(start.video, before[0].video) and torch.equal(start.audio, before[0].audio)
    assert torch.equal(keep.latents.video, before[1].latents.video) and torch.equal(keep.video, before[1].video)


@both_solvers
def test_a_keep_of_another_scene_is_refused(solver):
    start = scene_noise(make_plan((2, 2)))
    with pytest.raises(ValueError, match="keep.video does not fit"):
        solver(CoupledDenoiser(), start, schedule(2), keep_like(scene_noise(make_plan((2, 3))), 1.0, 1.0))
    with pytest.raises(ValueError, match="0..1"):
        solver(CoupledDenoiser(), start, schedule(2), keep_like(start, 1.5, 0.0))
