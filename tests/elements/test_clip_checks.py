"""A clip is checked and brought to how element files keep it; its file comes back, and strangers' files are bounded."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save as format_tensors

from kling_core.elements.clip_checks import examine_clip
from kling_core.elements.element import Clip, Element
from kling_core.elements.element_file import load_element, save_element
from kling_core.elements.intake import build_element
from kling_core.errors import KlingError
from kling_core.take import element_print

RATE = 16000


def film(seconds=4.0, fps=24.0, width=320, height=304, moving=True, rate=RATE, channels=2):
    still = np.random.default_rng(0).integers(30, 220, (height // 8, width // 8, 3), dtype=np.uint8)
    still = still.repeat(8, 0).repeat(8, 1)
    frames = np.stack([np.roll(still, moving * at, 1) for at in range(round(seconds * fps))])
    sound = 0.1 * np.random.default_rng(1).normal(size=(channels, round(seconds * rate))).clip(-1, 1)
    return Clip(frames, fps, sound.astype(np.float32), rate)


def kept(clip):
    result, mistakes, _ = examine_clip(clip, "clip")
    assert not mistakes, mistakes
    return result


def mistakes_of(clip):
    result, mistakes, findings = examine_clip(clip, "clip")
    assert result is None and not findings and all(one.remedy for one in mistakes)
    return "\n".join(map(str, mistakes))


@pytest.mark.parametrize("seconds, fits", [(2.9, False), (3.0, True), (8.0, True), (8.2, False)])
def test_a_clip_lasts_three_to_eight_seconds(seconds, fits):
    clip = film(seconds, fps=10.0)
    if fits:
        assert kept(clip).seconds == pytest.approx(seconds, abs=0.01)
    else:
        assert "3 to 8 s" in mistakes_of(clip)


def test_a_clip_is_kept_at_24_frames_640_pixels_and_with_sound_of_its_length():
    clip = kept(film(3.0, fps=60.0, width=1280, height=640, rate=96000))
    assert clip.frames.shape == (72, 320, 640, 3) and clip.fps == 24 and clip.sample_rate == 48000
    assert clip.sound.shape == (2, 3 * 48000)
    early = replace(film(3.0), sound=film(1.0).sound)
    assert kept(early).sound.shape == (2, 3 * RATE)
    assert kept(replace(film(3.0), sound=None, sample_rate=None)).sound is None


@pytest.mark.parametrize("change, told", [
    ({"frames": np.zeros((72, 304, 304), np.uint8)}, "not uint8"), ({"fps": 1.0}, "frames a second"),
    ({"frames": np.zeros((72, 304, 304, 3), np.uint8)}, "is black"),
    ({"frames": film(width=304, height=160).frames}, "each side needs 300"),
    ({"frames": film(width=960, height=304).frames[:72]}, "ratio"),
    ({"sound": np.zeros((3, RATE), np.float32)}, "sound of shape"),
    ({"sound": np.full((1, RATE), np.nan, np.float32)}, "not numbers"), ({"sample_rate": 100}, "100 Hz"),
])
def test_what_cannot_be_a_clip_is_a_clear_mistake(change, told):
    assert told in mistakes_of(replace(film(), **change))


def test_a_clip_at_rest_draws_advice():
    _, _, findings = examine_clip(film(moving=False), "clip")
    assert any("hardly moves" in finding.what for finding in findings)
    assert not examine_clip(film(), "clip")[2]


def test_an_element_may_be_made_of_a_clip_alone_whose_sharpest_frame_is_its_front():
    clip = film()
    clip.frames[:48] = 128
    element = build_element("mug", {}, clip=clip, kind="item")
    assert element.clip.frames.shape == clip.frames.shape
    assert any(np.array_equal(element.views["front"], frame) for frame in clip.frames[48:])
    assert any("sharpest frame" in finding for finding in element.findings)


def test_a_refused_clip_is_the_only_mistake_told():
    with pytest.raises(KlingError) as raised:
        build_element("mug", {}, clip=film(1.0), kind="item")
    assert [problem.where for problem in raised.value.problems] == ["element @mug, clip"]


def test_a_film_file_becomes_a_clip(tmp_path):
    from kling_core.media import FilmWriter

    source, path = film(3.0), tmp_path / "mug.mp4"
    with FilmWriter(path, 24, 320, 304, 48000) as writer:
        writer.add_frames(source.frames)
        writer.add_sound(np.zeros((2, 3 * 48000), np.float32))
    element = build_element("mug", {}, clip=path, kind="item")
    assert element.clip.frames.shape == (72, 304, 320, 3) and element.clip.sound.shape == (2, 3 * 48000)
    with pytest.raises(KlingError, match="nothing.mp4"):
        build_element("mug", {}, clip=tmp_path / "nothing.mp4", kind="item")


@pytest.mark.parametrize("sounding", [True, False])
def test_an_element_with_a_clip_comes_back_as_it_was_saved(tmp_path, sounding):
    clip = film() if sounding else replace(film(), sound=None, sample_rate=None)
    element = Element("mira", views={"front": film().frames[0]}, clip=clip)
    path = tmp_path / "mira.element.safetensors"
    save_element(element, path)
    loaded = load_element(path).clip
    assert np.array_equal(loaded.frames, clip.frames) and (loaded.fps, loaded.sample_rate) == (24, clip.sample_rate)
    assert loaded.sound is None if not sounding else np.array_equal(loaded.sound, clip.sound)


def test_only_files_with_a_clip_need_a_new_reader(tmp_path):
    path = tmp_path / "mira.element.safetensors"
    for clip, told in ((None, b'"format": 1'), (film(), b'"format": 2')):
        save_element(Element("mira", views={"front": film().frames[0]}, clip=clip), path)
        escaped = told.replace(b'"', b'\\"')
        assert escaped in path.read_bytes()[:5000]


RECORD = {
    "name": "mira", "kind": "character", "description": "", "origin": "photo", "look": None, "findings": [],
    "voice": None,
}
CLIP = {"fps": 24.0, "sample_rate": None}
FRAMES = np.zeros((72, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("record, tensors", [
    ({"format": 1, "clip": CLIP}, {"clip": FRAMES}),
    ({"format": 1}, {"clip": FRAMES}),
    ({"format": 2}, {"clip": FRAMES}),
    ({"format": 2, "clip": CLIP}, {}),
    ({"format": 2, "clip": {"fps": 24.0, "sample_rate": 16000}}, {"clip": FRAMES}),
    ({"format": 2, "clip": CLIP}, {"clip": FRAMES, "clip.sound": np.zeros((2, 48000), np.float32)}),
    ({"format": 2, "clip": {"fps": 8.0, "sample_rate": None}}, {"clip": FRAMES}),
    ({"format": 2, "clip": {"fps": 1e9, "sample_rate": None}}, {"clip": FRAMES}),
    ({"format": 2, "clip": CLIP}, {"clip": FRAMES.astype(np.float32)}),
    ({"format": 2, "clip": CLIP}, {"clip": np.zeros((193, 2, 2, 3), np.uint8)}),
    ({"format": 2, "clip": CLIP}, {"clip": np.zeros((2, 2, 641, 3), np.uint8)}),
    ({"format": 2, "clip": {"fps": 24.0, "sample_rate": 16000}},
     {"clip": FRAMES, "clip.sound": np.full((1, 48000), 2, np.float32)}),
    ({"format": 2, "clip": {"fps": 24.0, "sample_rate": 16000}},
     {"clip": FRAMES, "clip.sound": np.zeros((1, 16000), np.float32)}),
    ({"format": 2, "clip": {"fps": 24.0, "sample_rate": 16000}},
     {"clip": FRAMES, "clip.sound": np.zeros((3, 48000), np.float32)}),
])
def test_a_strangers_clip_is_refused_where_it_is_not_what_it_says(tmp_path, record, tensors):
    path = tmp_path / "mira.element.safetensors"
    tensors = {"view.front": np.zeros((8, 8, 3), np.uint8), **tensors}
    path.write_bytes(format_tensors(tensors, {"kling_element": json.dumps({**RECORD, **record})}))
    with pytest.raises(KlingError):
        load_element(path)


def test_a_take_knows_another_clip_from_this_one():
    from kling_core.elements.element import Binding

    mira = Element("mira", views={"front": film().frames[0]})
    prints = {element_print(Binding(replace(mira, clip=clip))) for clip in (None, film(), film(moving=False))}
    assert len(prints) == 3
