"""The whole way as one call, on a backbone without weights."""

import errno
import json
import os
import weakref
from dataclasses import replace

import numpy as np
import pytest
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.backbone import Settings
from kling_core.errors import KlingError
from kling_core.media import read_video
from kling_core.render import render
from kling_core.scene_report import peak_memory, scene_report
from kling_core.storyboard.storyboard import Storyboard
from kling_core.take import load_take

CAST = small_cast("mira", "leo")


@pytest.fixture(scope="module")
def scene():
    return render(SCENE, CAST, FakeBackbone(), seed=7, settings=Settings(steps=2))


def test_a_scene_becomes_a_film_with_cuts_where_the_plan_has_them(scene, tmp_path):
    scene.write(tmp_path / "film.mp4")
    film = read_video(tmp_path / "film.mp4")
    assert film.frames.shape == (72, 72, 128, 3) and film.fps == 12
    jumps = np.abs(np.diff(film.frames.mean((1, 2, 3)))) > 20
    assert list(np.flatnonzero(jumps) + 1) == [shot.start for shot in scene.plan.shots[1:]]
    assert film.sound.shape[0] == 2 and film.sound.shape[1] / film.rate == pytest.approx(6, abs=0.1)


def test_lines_are_heard_in_their_time(scene):
    rate = scene.plan.grid.audio_rate
    for line in scene.speech:
        start, stop = round(line.start * rate), round(line.stop * rate)
        assert np.abs(scene.sound[:, start:stop]).max() > 0.05


def test_sheet_and_report_are_written_on_demand(scene, tmp_path):
    scene.write(tmp_path / "film.mp4", sheet=tmp_path / "sheet.png", report=tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["notes"] == ["Everybody is grey."]
    assert report["cuts"] == [2.0, 4.0] and report["seed"] == 7 and report["settings"]["steps"] == 2
    assert {"plan", "speak", "condition", "sample", "mix", "decode"} <= set(report["seconds"])
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "report.json", "sheet.png"]


def test_the_report_tells_where_every_mouth_is_and_how_open(scene):
    report = scene_report(scene)
    (mouth,) = report["mouths"]  # Leo's line comes from off screen
    assert (mouth["shot"], mouth["subject"], mouth["start_frame"]) == (1, "mira", 24)
    assert len(mouth["opening"]) == len(mouth["x"]) == len(mouth["head"]) == 24
    assert max(mouth["opening"]) > 0.3 and 0 <= min(mouth["opening"])
    spoken = report["speech"][0]
    silent = [value for at, value in enumerate(mouth["opening"]) if at / 12 + 2 > spoken["stop"] + 0.3]
    assert max(silent, default=0) < 0.1


def test_unbound_keeps_everything_but_the_binding(scene):
    backbone = FakeBackbone()
    unbound = render(SCENE, CAST, backbone, seed=7, settings=Settings(steps=2), bind=False)
    assert [binding.strength for binding in backbone.asked["cast"].bindings] == [0, 0]
    assert unbound.plan.shots == scene.plan.shots and unbound.plan.references == ()


def test_given_frames_reach_the_backbone_and_the_scene():
    backbone = FakeBackbone()
    white = np.full((90, 160, 3), 255, np.uint8)
    scene = render(SCENE, CAST, backbone, settings=Settings(steps=1), first_frame=white)
    assert backbone.asked["first_frame"] is white and backbone.asked["last_frame"] is None
    assert scene.first_frame and not scene.last_frame
    scene = render(SCENE, CAST, backbone, settings=Settings(steps=1), last_frame=white)
    assert backbone.asked["first_frame"] is None and backbone.asked["last_frame"] is white
    assert scene.last_frame and not scene.first_frame


def test_frames_are_streamed_never_gathered(scene, tmp_path, monkeypatch):
    alive, most = [], 0

    def watched(latents, plan, *_, **__):
        nonlocal most
        for shot in plan.shots:
            for _ in range(0, shot.frames, 8):
                frames = np.zeros((8, 72, 128, 3), np.uint8)
                alive.append(weakref.ref(frames))
                most = max(most, sum(one() is not None for one in alive))
                yield frames
                del frames

    monkeypatch.setattr(scene.backbone, "decode_video", watched)
    scene.write(tmp_path / "film.mp4", sheet=tmp_path / "sheet.png")
    assert len(alive) == 9 and most <= 3


def test_stages_and_progress_are_told():
    stages, steps = [], []
    scene = render(
        SCENE, CAST, FakeBackbone(), settings=Settings(steps=3), stage=stages.append,
        progress=lambda done, total, preview: steps.append((done, total)),
    )
    assert stages == ["plan", "speak", "condition", "sample", "mix"] and steps == [(1, 3), (2, 3), (3, 3)]
    assert all(seconds >= 0 for seconds in scene.timings.values())


def test_mistakes_are_told_before_anything_is_sampled():
    backbone = FakeBackbone()
    with pytest.raises(KlingError, match="unknown subject @zoe"):
        render(Storyboard(shots=({"seconds": 3, "subjects": ["zoe"]},)), CAST, backbone)
    assert not backbone.asked


def test_a_strength_that_no_guide_has_is_told_before_anything_is_spoken_or_drawn():
    stages = []
    for structure in (1.2, -0.1, float("nan")):
        with pytest.raises(KlingError, match="is not between 0 and 1"):
            render(SCENE, CAST, FakeBackbone(), structure=structure, stage=stages.append)
    assert set(stages) == {"plan"}


def test_a_film_never_lies_beside_the_take_of_an_older_one(scene, tmp_path):
    film, take = tmp_path / "film.mp4", tmp_path / "film.take.safetensors"
    with pytest.raises(KlingError, match="no folder"):
        scene.write(film, take=take, sheet=tmp_path / "none" / "sheet.png")
    assert load_take(take).seeds == (7, 7, 7)
    with pytest.raises(KlingError, match="seed"):
        replace(scene, seeds=(2**64,) * 3).write(film, take=take)
    assert os.listdir(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), KlingError),
        (RuntimeError("decoder"), RuntimeError),
    ],
)
def test_a_film_given_up_leaves_nothing(scene, tmp_path, monkeypatch, error, told):
    def stopping(latents, plan, *_, **__):
        yield np.zeros((24, 72, 128, 3), np.uint8)
        raise error

    (tmp_path / "film.mp4").write_bytes(b"an older film")
    monkeypatch.setattr(scene.backbone, "decode_video", stopping)
    with pytest.raises(told):
        scene.write(tmp_path / "film.mp4", sheet=tmp_path / "sheet.png", report=tmp_path / "report.json")
    assert os.listdir(tmp_path) == ["film.mp4"] and (tmp_path / "film.mp4").read_bytes() == b"an older film"


def test_peak_memory_is_plausible():
    assert 20e6 < peak_memory() < 200e9
