import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as format_tensors

from kling_core import tensor_file
from kling_core.elements.element import Element, Voice
from kling_core.elements.library import load_element, save_element
from kling_core.errors import KlingError

RECORD = {
    "format": 1, "name": "mira", "kind": "character", "description": "", "origin": "photo", "look": None,
    "findings": [], "voice": None,
}
VOICE = {"sample_rate": 24000, "pitch": 200.0}


def picture(height=40, width=30):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tone(seconds=6.0, rate=24000):
    return (0.3 * np.sin(2 * np.pi * 200 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def an_element():
    return Element(
        "mira", description="a girl, 米拉", views={"front": picture(), "back": picture(20, 50)},
        voice=Voice(tone(), 24000, 200.0), look={"skin": [0.9, 0.7, 0.5], "hat": "none"},
        findings=("views: one. Add.",),
    )


def written(tmp_path, tensors, metadata) -> Path:
    path = tmp_path / "mira.element.safetensors"
    path.write_bytes(format_tensors(tensors, metadata))
    return path


def file_with(tmp_path, tensors=None, **changes) -> Path:
    record = json.dumps({**RECORD, **changes})
    return written(tmp_path, {"view.front": picture()} if tensors is None else tensors, {"kling_element": record})


def raw_file(tmp_path, header: bytes, body: bytes = b"", claimed: int | None = None) -> Path:
    path = tmp_path / "mira.element.safetensors"
    path.write_bytes(struct.pack("<Q", len(header) if claimed is None else claimed) + header + body)
    return path


def refusal(path) -> str:
    """The message of the KlingError, which names the file and a remedy."""
    with pytest.raises(KlingError) as raised:
        load_element(path)
    for problem in raised.value.problems:
        assert "mira.element.safetensors" in problem.where and problem.remedy
    return str(raised.value)


def test_an_element_comes_back_as_it_was_saved(tmp_path):
    path = tmp_path / "mira.element.safetensors"
    save_element(an_element(), path)
    loaded, saved = load_element(path), an_element()
    assert replace(loaded, views={}, voice=None) == replace(saved, views={}, voice=None)
    assert loaded.views.keys() == saved.views.keys()
    assert all(np.array_equal(loaded.views[view], saved.views[view]) for view in saved.views)
    assert np.array_equal(loaded.voice.samples, saved.voice.samples) and loaded.voice.pitch == 200.0
    assert os.listdir(tmp_path) == [path.name]


def test_a_voice_at_another_rate_is_stored_at_24_khz(tmp_path):
    path = tmp_path / "mira.element.safetensors"
    save_element(replace(an_element(), voice=Voice(tone(rate=16000), 16000, 200.0)), path)
    voice = load_element(path).voice
    assert voice.sample_rate == 24000 and voice.seconds == pytest.approx(6.0, abs=1e-3)
    assert np.abs(voice.samples[1000:-1000] - tone()[1000:-1000]).max() < 0.01


def test_a_header_of_ten_gigabytes_is_not_read(tmp_path):
    assert "cut short" in refusal(raw_file(tmp_path, b"{}", claimed=10 * 1024**3))


def test_a_header_over_the_cap_is_not_parsed_even_if_it_is_there(tmp_path):
    assert "header" in refusal(raw_file(tmp_path, b"{}" + b" " * tensor_file.MAX_HEADER_BYTES))


def test_a_file_larger_than_any_element_is_refused_unread(tmp_path):
    path = tmp_path / "mira.element.safetensors"
    with path.open("wb") as file:
        file.truncate(4 * 4096 * 4096 * 3 + 256 * 2**20)
    assert "bytes" in refusal(path)


def test_a_truncated_file_is_refused_wherever_it_is_cut(tmp_path):
    path = tmp_path / "mira.element.safetensors"
    save_element(an_element(), path)
    whole = path.read_bytes()
    for length in (0, 7, 8, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refusal(path)


def test_bytes_after_the_tensors_are_refused(tmp_path):
    path = file_with(tmp_path)
    path.write_bytes(path.read_bytes() + b"x")
    refusal(path)


@pytest.mark.parametrize("shape", [[1 << 40, 1 << 40, 3], [4097, 10, 3], [10, 10, 4], [100], [0, 10, 3], [-1, -1, 3],
                                   [True, 10, 3], [10.0, 10, 3], "10x10", {}, None])
def test_an_absurd_picture_shape_is_refused_before_anything_is_allocated(tmp_path, shape):
    header = {"view.front": {"dtype": "U8", "shape": shape, "data_offsets": [0, 300]},
              "__metadata__": {"kling_element": json.dumps(RECORD)}}
    assert "view.front" in refusal(raw_file(tmp_path, json.dumps(header).encode(), bytes(300)))


def test_overlapping_tensors_are_refused(tmp_path):
    entry = {"dtype": "U8", "shape": [10, 10, 3], "data_offsets": [0, 300]}
    header = {"view.front": entry, "view.back": entry, "__metadata__": {"kling_element": json.dumps(RECORD)}}
    refusal(raw_file(tmp_path, json.dumps(header).encode(), bytes(600)))


@pytest.mark.parametrize("tensors", [
    {"view.front": picture().astype(np.float32)},
    {"view.front": picture().astype(np.int64)},
    {"view.top": picture()},
    {"../../escape": picture()},
    {"voice": tone().astype(np.float64)},
    {"voice": np.zeros((2, 100), np.float32)},
    {"voice": np.zeros(30 * 48000 + 1, np.float32)},
])
def test_tensors_that_no_element_has_are_refused(tmp_path, tensors):
    refusal(file_with(tmp_path, {"view.front": picture(), **tensors}, voice=VOICE if "voice" in tensors else None))


@pytest.mark.parametrize(("kind", "tensors", "told"), [
    ("character", {"view.back": picture()}, "has no front picture"), ("item", {"view.detail": picture()}, "no front"),
    ("scene", {"voice": tone()}, "has no picture"),
])
def test_an_element_without_the_picture_that_it_is_drawn_by_is_refused(tmp_path, kind, tensors, told):
    path = file_with(tmp_path, tensors, kind=kind, origin="stage", voice=VOICE if "voice" in tensors else None)
    assert told in refusal(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3.0])
def test_a_voice_with_impossible_samples_is_refused(tmp_path, bad):
    samples = tone()
    samples[77] = bad
    assert "voice" in refusal(file_with(tmp_path, {"voice": samples}, voice=VOICE))


def test_a_voice_longer_than_thirty_seconds_is_refused(tmp_path):
    assert "30 s" in refusal(file_with(tmp_path, {"voice": np.zeros(24000 * 31, np.float32)}, voice=VOICE))


@pytest.mark.parametrize("changes", [
    {"voice": VOICE}, {"format": "1"}, {"kind": "ghost"}, {"description": "x" * 101}, {"description": "\x1b[2J"},
    {"findings": ["x"] * 65}, {"findings": ["x" * 501]}, {"findings": ["a\nb"]}, {"findings": "abc"}, {"look": [1]},
    {"extra": 1}, {"origin": "moon"}, {"name": "../mira"}, {"name": "a/b"}, {"name": "..\\mira"}, {"name": "NUL"},
    {"name": "x" * 21}, {"name": ""}, {"name": None}, {"look": {"skin": [[[[[[1]]]]]]}}, {"look": {"a": "x" * 70_000}},
])
def test_a_record_that_is_not_an_elements_is_refused(tmp_path, changes):
    refusal(file_with(tmp_path, **changes))


def test_a_newer_format_asks_for_an_update(tmp_path):
    assert "Update Kling Core" in refusal(file_with(tmp_path, format=3))


@pytest.mark.parametrize("text", [
    "[" * 60_000, '{"look": ' * 7_000, "NaN", '{"format": NaN}', '{"a": 1, "a": 2}', "1" * 5000, "{",
])
def test_metadata_that_is_no_sound_json_is_refused(tmp_path, text):
    refusal(written(tmp_path, {"view.front": picture()}, {"kling_element": text}))


def test_a_header_with_a_key_twice_is_refused(tmp_path):
    entry = b'"view.front": {"dtype": "U8", "shape": [10, 10, 3], "data_offsets": [0, 300]}'
    refusal(raw_file(tmp_path, b"{" + entry + b", " + entry + b"}", bytes(300)))


def test_an_ordinary_safetensors_file_is_told_from_an_element(tmp_path):
    assert "not an element" in refusal(written(tmp_path, {"weight": np.zeros((4, 4), np.float32)}, {"format": "pt"}))


@pytest.mark.parametrize("make", [
    Path.mkdir, lambda path: None, lambda path: path.write_text("<html>not found</html>"),
])
def test_what_is_no_element_file_at_all_is_refused(tmp_path, make):
    path = tmp_path / "mira.element.safetensors"
    make(path)
    refusal(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 700), value=st.integers(0, 255))
def test_a_flipped_byte_gives_an_element_or_a_kling_error_and_nothing_else(tmp_path, position, value):
    path = tmp_path / "mira.element.safetensors"
    save_element(Element("mira", views={"front": picture(10, 10)}), path)
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        load_element(path)
    except KlingError:
        pass


@pytest.mark.parametrize("unfit", [
    {"name": "a/b"}, {"kind": "ghost"}, {"description": "x" * 101}, {"look": {"a": "x" * 70_000}},
    {"views": {"top": picture()}}, {"views": {"back": picture()}},
    {"views": {"front": np.zeros((4097, 2, 3), np.uint8)}},
    {"voice": Voice(np.full(24000, np.nan, np.float32), 24000, None)},
])
def test_nothing_is_saved_that_could_not_be_loaded(tmp_path, unfit):
    with pytest.raises(KlingError):
        save_element(replace(an_element(), **unfit), tmp_path / "mira.element.safetensors")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("interruption, expected", [(OSError(28, "No space left on device"), KlingError),
                                                    (KeyboardInterrupt(), KeyboardInterrupt)])
def test_a_save_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, interruption, expected):
    path = tmp_path / "mira.element.safetensors"
    save_element(an_element(), path)
    before = path.read_bytes()

    def break_off(_):
        raise interruption

    monkeypatch.setattr(tensor_file.os, "fsync", break_off)
    with pytest.raises(expected):
        save_element(replace(an_element(), description="new"), path)
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == before


def test_saving_into_a_folder_that_does_not_exist_is_a_clear_mistake(tmp_path):
    with pytest.raises(KlingError, match="cannot be written"):
        save_element(an_element(), tmp_path / "nowhere" / "mira.element.safetensors")
