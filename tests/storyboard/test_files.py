"""Storyboards on disk: round trips, the published schema, and files that are wrong."""

import json
import os

import pytest

from kling_core.errors import KlingError
from kling_core.storyboard.files import (
    MAX_FILE_BYTES,
    SCHEMA_FILE,
    load_storyboard,
    save_storyboard,
    storyboard_schema,
    write_text_atomically,
)
from kling_core.storyboard.script import parse_script

SCENE = {"shots": [{"seconds": 3, "subjects": ["mira"], "lines": [{"speaker": "mira", "text": "Hi."}]}]}


def problems(path):
    with pytest.raises(KlingError) as caught:
        load_storyboard(path)
    return {problem.where: problem.what for problem in caught.value.problems}


def written(tmp_path, data, name="scene.json"):
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def test_a_parsed_script_survives_the_file(tmp_path):
    board = parse_script('Shot 1 (3s, wide, orbit 180 degrees): @mira says in Spanish, "¿Qué?" Shot 2 (2s): @leo nods.')
    save_storyboard(board, tmp_path / "scene.json")
    assert load_storyboard(tmp_path / "scene.json") == board


def test_other_endings_are_scripts(tmp_path):
    board = load_storyboard(written(tmp_path, "\ufeffShot 1 (3s): Mira waves.", "scene.txt"), ["mira"])
    assert board.shots[0].subjects == ("mira",)


def test_json_may_name_its_schema(tmp_path):
    assert load_storyboard(written(tmp_path, {"$schema": "x", **SCENE})).shots[0].seconds == 3


def test_the_published_schema_is_current():
    published = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert published == storyboard_schema(), "run: python -m kling_core.storyboard.files"


def test_all_mistakes_with_a_directors_places(tmp_path):
    scene = {
        "aspect": "4:3", "colour": 1,
        "shots": [
            {"seconds": 3},
            {"seconds": "soon", "size": "huge", "lines": [{"speaker": "a", "text": "x"}, {"speaker": "a", "text": ""}]},
            {"camera": [{"kind": "fly"}], "seconds": -1, "description": "x" * 600},
        ],
    }
    found = problems(written(tmp_path, scene))
    assert set(found) == {
        "aspect", "colour", "shot 2, seconds", "shot 2, size", "shot 2, line 2, text", "shot 3, camera move 1, kind",
        "shot 3, seconds", "shot 3, description",
    }
    assert "600 characters, at most 512" in found["shot 3, description"]


@pytest.mark.parametrize("data", ["[]", "3", '"x"', "null", "{}"])
def test_json_that_is_no_storyboard(tmp_path, data):
    assert problems(written(tmp_path, data))


def test_broken_json_names_the_line(tmp_path):
    assert "not valid JSON" in problems(written(tmp_path, '{\n "shots": [,]}'))["scene.json, line 2, column 12"]


def test_numbers_that_are_none(tmp_path):
    assert problems(written(tmp_path, '{"seconds": Infinity, "shots": [{"seconds": NaN}]}'))
    assert problems(written(tmp_path, '{"shots": [{"seconds": 1e999}]}'))


def test_deep_nesting_is_refused(tmp_path):
    assert problems(written(tmp_path, "[" * 200_000))


def test_size_is_limited(tmp_path):
    path = tmp_path / "scene.txt"
    path.write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    assert "larger than 1 MB" in problems(path)[str(path)]


def test_binary_and_missing_files(tmp_path):
    path = tmp_path / "scene.txt"
    path.write_bytes(b"\xff\xfe\x00\x01\xff")
    assert "UTF-8" in problems(path)[str(path)]
    assert "cannot be read" in problems(tmp_path / "none.txt")[str(tmp_path / "none.txt")]
    assert "cannot be read" in problems(tmp_path)[str(tmp_path)]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "scene.json"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(KlingError, match="No space left"):
        write_text_atomically(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["scene.json"]
