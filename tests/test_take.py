"""Takes as files: they come back to the bit, hostile ones are refused, and a print changes with what it is of."""

import json
import os
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as format_tensors
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.backbone import Latents, Settings
from kling_core.elements.element import Binding
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.take import Take, element_print, load_take, save_take, settled_sound, shot_print

CAST = small_cast("mira", "leo")
PRINT = "0123456789abcdef" * 2
RECORD = {
    "format": 1, "backbone": "Previz", "weights": "none", "structure": 0.0,
    "settings": {"steps": 2, "solver": "euler", "reference_guidance": 1.6, "text_guidance": 1.0, "audio_guidance": 1.0},
    "shots": [{"frames": 8, "seed": 3, "print": PRINT}], "cast": {"mira": PRINT}, "first_frame": False,
    "last_frame": False,
}


def tensors(**changes):
    usual = {
        "video": np.ones((2, 3, 4, 5), np.float16), "audio": np.ones((16, 4), np.float16),
        "sound": np.ones((2, 100), np.int16),
    }
    return {name: tensor for name, tensor in {**usual, **changes}.items() if tensor is not None}


def a_take():
    generator = torch.Generator().manual_seed(1)
    latents = Latents(torch.randn(2, 3, 4, 5, generator=generator), torch.randn(16, 4, generator=generator))
    sound = np.random.default_rng(1).uniform(-1, 1, (2, 100)).astype(np.float32)
    return Take(
        latents.settled(), settled_sound(sound), (3, 2**64 - 1), Settings(steps=5, solver="heun"), 0.25, (4, 4),
        (PRINT, PRINT[::-1]), {"mira": PRINT}, "Previz", "w", True, False,
    )


def written(folder, contents, metadata):
    path = folder / "film.take.safetensors"
    path.write_bytes(format_tensors(contents, metadata))
    return path


def refusal(path):
    with pytest.raises(KlingError) as raised:
        load_take(path)
    assert all("film.take.safetensors" in problem.where and problem.remedy for problem in raised.value.problems)
    return str(raised.value)


def test_a_take_comes_back_to_the_bit(tmp_path):
    path, take = tmp_path / "film.take.safetensors", a_take()
    save_take(take, path)
    loaded = load_take(path)
    assert torch.equal(loaded.latents.video, take.latents.video)
    assert torch.equal(loaded.latents.audio, take.latents.audio)
    assert np.array_equal(loaded.sound, take.sound) and loaded.sound.dtype == np.float32
    assert replace(loaded, latents=None, sound=None) == replace(take, latents=None, sound=None)
    assert os.listdir(tmp_path) == [path.name]


def test_settling_loses_nothing_that_is_seen_or_heard_and_nothing_more_the_second_time():
    video, sound = torch.randn(4, 128, 9, 16), np.linspace(-1, 1, 1001, dtype=np.float32)[None].repeat(2, 0)
    once = Latents(video, video[0, 0]).settled()
    assert torch.equal(once.settled().video, once.video) and (once.video - video).abs().max() < 2e-3
    again = settled_sound(settled_sound(sound))
    assert np.array_equal(again, settled_sound(sound)) and np.abs(again - sound).max() < 2e-5


def test_fifteen_seconds_take_little_room(tmp_path):
    latents = Latents(torch.zeros(45, 128, 9, 16), torch.zeros(360, 64))
    save_take(replace(a_take(), latents=latents, sound=np.zeros((2, 360_000), np.float32)), tmp_path / "x")
    assert (tmp_path / "x").stat().st_size < 3.3e6


@pytest.mark.parametrize("contents", [
    tensors(video=None), tensors(sound=None), tensors(video=np.ones((2, 3, 4, 5), np.float32)),
    tensors(video=np.ones((2, 60), np.float16)), tensors(audio=np.full((16, 4), np.nan, np.float16)),
    tensors(video=np.full((2, 3, 4, 5), np.inf, np.float16)), tensors(sound=np.ones((2, 100), np.float32)),
    {**tensors(), "../escape": np.ones(3, np.float16)},
])
def test_tensors_that_no_take_has_are_refused(tmp_path, contents):
    refusal(written(tmp_path, contents, {"kling_take": json.dumps(RECORD)}))


@pytest.mark.parametrize("shape", [[1 << 40, 1 << 40, 3, 3], [0, 3, 4, 5], [-1, 3, 4, 5], [True, 3, 4, 5], "2", None])
def test_an_absurd_shape_is_refused_before_anything_is_allocated(tmp_path, shape):
    header = json.dumps({
        "video": {"dtype": "F16", "shape": shape, "data_offsets": [0, 120]},
        "__metadata__": {"kling_take": json.dumps(RECORD)},
    }).encode()
    path = tmp_path / "film.take.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(120))
    assert "video" in refusal(path)


@pytest.mark.parametrize("changes", [
    {"shots": []}, {"shots": [{"frames": 8, "seed": -1, "print": PRINT}]}, {"structure": 2.0}, {"extra": 1},
    {"shots": [{"frames": 8, "seed": 1, "print": "x"}]}, {"cast": {"mira": 1}}, {"first_frame": "yes"},
    {"settings": {**RECORD["settings"], "solver": "magic"}}, {"settings": {**RECORD["settings"], "steps": 10**9}},
    {"shots": RECORD["shots"] * 7},
])
def test_a_record_that_is_not_a_takes_is_refused(tmp_path, changes):
    refusal(written(tmp_path, tensors(), {"kling_take": json.dumps({**RECORD, **changes})}))


def test_the_record_of_these_tests_is_a_sound_one(tmp_path):
    assert load_take(written(tmp_path, tensors(), {"kling_take": json.dumps(RECORD)})).seeds == (3,)


@pytest.mark.parametrize("text", ["\ud800", '{"format": "\\ud800"}', json.dumps({**RECORD, "cast": {"\ud800": PRINT}})])
def test_letters_that_no_text_can_have_are_refused(tmp_path, text):
    header = json.dumps({"__metadata__": {"kling_take": text}}).encode()
    path = tmp_path / "film.take.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refusal(path)


def test_a_newer_format_asks_for_an_update(tmp_path):
    text = json.dumps({**RECORD, "format": 2})
    assert "Update Kling Core" in refusal(written(tmp_path, tensors(), {"kling_take": text}))


def test_other_files_are_told_from_takes(tmp_path):
    assert "not a take" in refusal(written(tmp_path, tensors(), {"format": "pt"}))
    (tmp_path / "film.take.safetensors").write_bytes(b"\0" * 5)
    assert "cut short" in refusal(tmp_path / "film.take.safetensors")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 1500), value=st.integers(0, 255))
def test_a_flipped_byte_gives_a_take_or_a_kling_error_and_nothing_else(tmp_path, position, value):
    path = tmp_path / "film.take.safetensors"
    save_take(a_take(), path)
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        load_take(path)
    except KlingError:
        pass


def plan_of(storyboard, seed=0):
    return resolve(storyboard, CAST, FakeBackbone.grid, FakeBackbone.limits, seed=seed)


def prints(storyboard, seed=0):
    plan = plan_of(storyboard, seed)
    return [shot_print(plan, shot) for shot in plan.shots]


def with_shot(number, **changes):
    shots = list(SCENE.shots)
    shots[number] = shots[number].model_copy(update=changes)
    return SCENE.model_copy(update={"shots": tuple(shots)})


def test_a_shots_print_changes_with_the_shot_and_with_nothing_else():
    usual = prints(SCENE)
    assert prints(SCENE, seed=5) == usual and len(set(usual)) == 3
    for changed in (with_shot(1, size="wide"), with_shot(1, place="beach"), with_shot(1, lines=())):
        assert [a == b for a, b in zip(usual, prints(changed))] == [True, False, True]


def test_a_longer_shot_leaves_the_prints_of_those_after_it():
    assert [a == b for a, b in zip(prints(SCENE), prints(with_shot(0, seconds=3.0)))] == [False, True, True]


def test_an_elements_print_changes_with_its_pictures_its_voice_and_its_strength():
    binding = CAST.binding("mira")
    picture = binding.element.views["front"].copy()
    picture[0, 0] += 1
    others = [
        Binding(binding.element, 0.5), Binding(replace(binding.element, views={"front": picture})),
        Binding(replace(binding.element, look={"hat": "none"})),
    ]
    found = {element_print(one) for one in (binding, *others)}
    assert len(found) == 4 and element_print(small_cast("mira").binding("mira")) in found
