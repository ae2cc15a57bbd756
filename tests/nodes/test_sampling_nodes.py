"""The VideoSampler, VAEDecode3D and AudioSync nodes on a backbone without weights."""

import comfy_double
import pytest
import torch
from fake_backbone import FakeBackbone

from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError

SCRIPT = 'Shot 1 (2s, wide): @mira waves. Shot 2 (2s, close-up): Mira says, "Hello!"'


@pytest.fixture
def backbone():
    return FakeBackbone()


@pytest.fixture
def cast():
    return Cast((Binding(Element("mira"), 0.8),))


@pytest.fixture
def sample(run, backbone, cast):
    """Run ShotSequence and VideoSampler, with changes to the sampler's inputs, and return (LATENT, PLAN)."""

    def execute(script=SCRIPT, **changes):
        storyboard, _ = run("ShotSequence", script=script).args
        inputs = {"backbone": backbone, "storyboard": storyboard, "cast": cast, "steps": 2, **changes}
        return run("VideoSampler", **inputs).args[:2]

    return execute


def test_the_sampler_passes_on_what_its_widgets_say(sample, backbone, cast):
    sample(seed=5, steps=3, guidance=1.5)
    settings = backbone.asked["settings"]
    assert (backbone.asked["seed"], settings.steps, settings.reference_guidance) == (5, 3, 1.5)
    assert backbone.asked["cast"] is cast and backbone.asked["keep"] is None


def test_the_forecast_is_the_backbones_and_comes_with_the_plan(run, backbone):
    storyboard = run("ShotSequence", script="Shot 1 (4s, wide): A tree on the beach.").args[0]
    told, plan = run("Forecast", backbone=backbone, storyboard=storyboard).args
    assert told.endswith("frames") and "Shot 1" in plan
    assert backbone.asked == {}


def test_what_the_backbone_was_told_otherwise_is_handed_on(run, backbone):
    storyboard, _ = run("ShotSequence", script="Shot 1 (4s, wide): A tree on the beach.").args
    *_, notes = run("VideoSampler", backbone=backbone, storyboard=storyboard, steps=1).args
    assert notes == "There is no beach."


def test_no_steps_are_as_many_as_the_backbone_is_made_for(sample, backbone, host):
    sample(steps=0)
    assert backbone.asked["settings"].steps == backbone.defaults.steps
    assert len(host.progress) == backbone.defaults.steps


def test_lines_are_spoken_before_the_picture_is_sampled_to_them(sample, backbone):
    _, plan = sample()
    line, = backbone.asked["speech"]
    assert line.speaker == "mira" and plan.shots[1].start / 12 <= line.start < line.stop <= plan.seconds


def test_progress_and_previews_reach_the_graph(sample, host):
    sample(steps=3)
    assert [(step, steps) for step, steps, _ in host.progress] == [(1, 3), (2, 3), (3, 3)]
    assert all(preview is not None for _, _, preview in host.progress)


def test_cancel_stops_sampling(sample, host):
    host.interrupted = True
    with pytest.raises(comfy_double.Interrupted):
        sample()


def test_all_mistakes_of_a_scene_are_told_before_anything_is_sampled(sample, backbone):
    with pytest.raises(KlingError) as caught:
        sample(script="Shot 1 (20s): @mira waves. Shot 2 (0.5s): @nobody waves.")
    assert len(caught.value.problems) >= 3 and not backbone.asked


def test_a_scene_needs_no_cast(sample):
    _, plan = sample(script="Shot 1 (4s, wide): A tree on the beach.", cast=None)
    assert plan.cast == ()


@pytest.mark.parametrize("names", [("first_frame",), ("last_frame",), ("first_frame", "last_frame")])
def test_given_frames_reach_the_backbone_as_pictures(sample, backbone, names):
    sample(**{name: torch.full((1, 72, 128, 3), 0.5) for name in names})
    for name in ("first_frame", "last_frame"):
        picture = backbone.asked[name]
        assert (picture is not None) == (name in names)
        assert picture is None or (picture.shape == (72, 128, 3) and set(picture.flat) == {128})


def test_the_film_is_decoded_shot_by_shot_within_the_budget(run, sample, backbone, host):
    latent, _ = sample()
    host.progress.clear()
    film, fps = run("VAEDecode3D", latent=latent, memory_budget=256).args
    assert film.shape == (48, 72, 128, 3) and fps == 12
    assert backbone.asked["memory_budget"] == 256 * 2**20
    assert [step for step, _, _ in host.progress] == [24, 48]


def test_cancel_stops_decoding(run, sample, host):
    latent, _ = sample()
    host.interrupted = True
    with pytest.raises(comfy_double.Interrupted):
        run("VAEDecode3D", latent=latent)


def test_the_sound_is_as_long_as_the_film_and_stereo(run, sample):
    latent, plan = sample()
    audio, report = run("AudioSync", latent=latent, plan=plan).args
    assert audio["sample_rate"] == 24000 and audio["waveform"].shape == (1, 2, 4 * 24000)
    assert "Hello!" in report and f"line 1, @mira: {latent['kling_scene'].speech[0].voice}" in report


def test_the_line_is_heard_in_its_shot_only(run, sample):
    latent, plan = sample()
    audio, _ = run("AudioSync", latent=latent, plan=plan).args
    before, after = audio["waveform"][0].split(2 * 24000, dim=1)
    assert after.abs().max() > 3 * before.abs().max()


def test_a_latent_with_the_plan_of_another_scene_is_refused(run, sample):
    latent, _ = sample()
    _, other = sample(script="Shot 1 (4s, wide): @mira waves.")
    with pytest.raises(KlingError, match="plan"):
        run("AudioSync", latent=latent, plan=other)


def test_a_shot_of_a_take_is_made_anew_and_the_others_stay(run, sample, backbone):
    latent, _ = sample(seed=5)
    again, plan = sample(seed=6, take=latent, retake="2")
    keep = backbone.asked["keep"]
    second = plan.shot_latents(plan.shots[1])
    assert [float(row.max()) for row in keep.video] == [float(at not in second) for at in range(len(keep.video))]
    assert torch.equal(keep.latents.video, latent["kling_scene"].latents.video)
    assert again["kling_scene"].seeds == (5, 6)
    before, after = (run("AudioSync", latent=each, plan=plan).args[0]["waveform"][0] for each in (latent, again))
    assert torch.equal(before[:, : 2 * 24000], after[:, : 2 * 24000])


def test_a_take_and_its_shots_belong_together(sample):
    latent, _ = sample()
    for given, shots in ((latent, ""), (None, "1"), (latent, "3"), (latent, "x"), (latent, "auto")):
        with pytest.raises(KlingError, match="take"):
            sample(take=given, retake=shots)


def test_the_take_of_another_scene_is_refused(sample, backbone):
    latent, _ = sample()
    backbone.asked.clear()
    with pytest.raises(KlingError, match="shot 1: stays, but"):
        sample(script=SCRIPT.replace("waves", "nods"), take=latent, retake="2")
    assert "seed" not in backbone.asked


def test_a_retake_of_a_latent_that_was_changed_keeps_the_change_in_picture_and_sound(run, sample, backbone):
    latent, plan = sample()
    video, sound = latent["samples"].unbind()
    changed = {**latent, "samples": type(latent["samples"])([torch.ones_like(video), torch.zeros_like(sound)])}
    again, _ = sample(take=changed, retake="1")
    assert bool((backbone.asked["keep"].latents.video == 1).all())
    first, wanted, heard = (
        run("AudioSync", latent=each, plan=plan).args[0]["waveform"][0, :, 2 * 24000 :]
        for each in (latent, changed, again)
    )
    assert torch.equal(heard, wanted) and not torch.equal(heard, first)


def test_the_draft_guides_the_picture_with_the_strength_of_the_widget(sample, backbone):
    script = "Shot 1 (3s, wide): A tree on the beach."
    sample(script=script, cast=None, structure=0.4)
    keep = backbone.asked["keep"]
    assert bool((keep.video == torch.tensor(0.4)).all()) and not keep.audio.any()
    assert keep.latents.video.std() > 0
    sample(script=script, cast=None)
    assert backbone.asked["keep"] is None
