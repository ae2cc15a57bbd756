"""The best of several takes: how they are ranked, why, and that stopping loses nothing."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.best_of import Rated, why_best
from kling_core.filming import Job, carry_out
from kling_core.media import read_video
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.backbone import Previz
from kling_core.retakes import retake_of
from kling_core.take import load_take

CAST = small_cast("mira", "leo")


def report(score, failed=(), **scores):
    return SimpleNamespace(score=score, failed_shots=failed, scores=scores)


def test_the_score_decides_then_the_shots_that_fail_then_who_was_first():
    first, worse, fewer = (
        Rated(1, 0, report(0.8, (2,))), Rated(2, 1, report(0.7)), Rated(3, 2, report(0.8)),
    )  # fmt: skip
    assert first.beats(None) and not worse.beats(first) and fewer.beats(first)
    assert not Rated(4, 3, report(0.8)).beats(fewer)


def test_a_take_tells_its_figures_with_shots_counted_from_one():
    take = Rated(2, 8, report(0.8126, (0, 4), identity=0.9, cuts=1.0))
    assert str(take) == "take 2 (seed 8)  score 0.813  identity 0.90  cuts 1.00  shots that fail: 1, 5"
    assert str(Rated(1, 0, report(1.0))).endswith("every shot passes")


def test_the_best_says_what_it_has_over_the_next():
    takes = [
        Rated(1, 5, report(0.7, (1,), identity=0.5, lips=0.9)), Rated(2, 6, report(0.9, identity=0.9, lips=0.9)),
        Rated(3, 7, report(0.8, (1,), identity=0.6, lips=0.95)),
    ]  # fmt: skip
    told = why_best(takes[1], takes)
    assert told == "take 2 (seed 6) is the best of 3: 0.900 against 0.800 of take 3, most of it by identity, +0.30"
    close = [Rated(1, 5, report(0.8, lips=0.801)), Rated(2, 6, report(0.799, lips=0.799))]
    assert why_best(close[0], close).endswith("0.800 against 0.799 of take 2")
    even = [Rated(1, 5, report(0.8, (1,))), Rated(2, 6, report(0.8))]
    assert why_best(even[1], even).endswith("as good as take 1, but 1 shot fewer fails")
    assert why_best(even[0], even[:1]) == "take 1 (seed 5) is the best of 1"


class Backbone(FakeBackbone):
    """Its pictures are as bright as the take's seed."""

    def sample(self, conditioning, *, seed, **how):
        latents = super().sample(conditioning, seed=seed, **how)
        latents.video[:] = seed
        return latents

    def decode_video(self, latents, plan, cast, speech=(), *, memory_budget=None):
        width, height = plan.size
        for shot in plan.shots:
            brightness = int(latents.video[shot.start // self.grid.frames_per_latent].mean())
            yield np.full((shot.frames, height, width, 3), brightness, np.uint8)


@pytest.fixture
def judged(monkeypatch):
    """judged({seed: report or what is raised}) stands in for the measuring, and for the weights."""

    def install(verdicts):
        def check(scene, progress=None):
            found = verdicts[scene.seed]
            if isinstance(found, BaseException):
                raise found
            return np.concatenate(list(scene.pictures())), found

        monkeypatch.setattr("kling_core.best_of.check_scene", check)
        monkeypatch.setattr(Previz, "load", Backbone)

    return install


def job(folder, retake=None, seed=50, **how):
    grid, limits = FakeBackbone.grid, FakeBackbone.limits
    plan = resolve(SCENE, CAST, grid, limits, seed=retake.seeds(seed) if retake else seed)
    take = folder / "film.take.safetensors"
    return Job(SCENE, CAST, plan, seed, folder / "film.mp4", take=take, retake=retake, **how)


def test_the_best_take_is_what_is_written(tmp_path, judged, capsys):
    judged({50: report(0.5), 51: report(0.9), 52: report(0.7)})
    carry_out(job(tmp_path, takes=3, steps=1))
    assert load_take(tmp_path / "film.take.safetensors").seeds == (51, 51, 51)
    assert read_video(tmp_path / "film.mp4").frames.mean() == pytest.approx(51, abs=3)
    told = capsys.readouterr().out
    assert "take 1 (seed 50)" in told and "take 3 (seed 52)" in told and "take 2 (seed 51) is the best of 3" in told


def test_stopping_leaves_the_best_so_far_and_says_so(tmp_path, judged, capsys):
    judged({50: report(0.8), 51: report(0.7), 52: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        carry_out(job(tmp_path, takes=4, steps=1))
    assert load_take(tmp_path / "film.take.safetensors").seeds == (50, 50, 50)
    assert "film.mp4 has take 1 (seed 50), the best so far" in capsys.readouterr().out


def test_stopping_within_the_first_take_leaves_nothing_and_says_so(tmp_path, judged, capsys):
    judged({50: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        carry_out(job(tmp_path, takes=2, steps=1))
    assert os.listdir(tmp_path) == [] and "nothing is written" in capsys.readouterr().out


def test_a_plan_is_made_for_every_seed(tmp_path):
    work = job(tmp_path, takes=2)
    assert work.plan_for(50) is work.plan
    positions = [work.plan_for(seed).blocking[0].subjects[0].position for seed in (50, 51)]
    assert not np.array_equal(*positions)


@pytest.fixture
def earlier(tmp_path, judged):
    """The take of a film that was made before, whose shots 1 and 3 fail."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    judged({50: report(0.5, (0, 2)), 51: report(0.9)})
    carry_out(job(folder, steps=3))
    return load_take(folder / "film.take.safetensors")


def test_the_shots_that_fail_are_retaken_with_the_takes_own_settings(tmp_path, earlier, capsys):
    carry_out(job(tmp_path, retake_of(earlier, None, 3), seed=earlier.next_seed))
    new = load_take(tmp_path / "film.take.safetensors")
    assert new.seeds == (51, 50, 51) and new.settings.steps == 3
    assert "shots that fail: 1, 3" in capsys.readouterr().out


def test_where_nothing_fails_nothing_is_made(tmp_path, earlier, judged, capsys):
    judged({50: report(1.0)})
    carry_out(job(tmp_path, retake_of(earlier, None, 3), seed=51))
    assert os.listdir(tmp_path) == ["earlier"] and "nothing to retake" in capsys.readouterr().out


def test_several_retakes_compete(tmp_path, earlier, judged):
    judged({51: report(0.6), 52: report(0.7)})
    carry_out(job(tmp_path, retake_of(earlier, "2", 3), seed=51, takes=2))
    assert load_take(tmp_path / "film.take.safetensors").seeds == (50, 52, 50)


def test_two_real_takes_are_measured_and_the_better_one_is_kept(tmp_path, capsys):
    from kling_core.demo import demo_cast
    from kling_core.previz.world import GRID, LIMITS
    from kling_core.storyboard.script import parse_script

    cast = demo_cast()
    storyboard = parse_script(
        'Shot 1 (1s, wide): @mira waves. Shot 2 (1s, close-up): Mira says, "Hello." Shot 3 (1s): @leo nods.', cast.names
    )  # fmt: skip
    plan = resolve(storyboard, cast, GRID, LIMITS, seed=3)
    take = tmp_path / "film.take.safetensors"
    carry_out(Job(storyboard, cast, plan, 3, tmp_path / "film.mp4", take=take, steps=2, takes=2))
    told = capsys.readouterr().out
    best = load_take(take).seeds[0]
    assert "take 1 (seed 3)  score " in told and "take 2 (seed 4)  score " in told
    assert f"(seed {best}) is the best of 2" in told
    assert len(read_video(tmp_path / "film.mp4").frames) == 36
