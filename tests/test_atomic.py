"""Files appear complete or not at all, whatever they are called."""

import os

import pytest

from kling_core.atomic import replacing


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a b ü 片.txt"
    path.write_text("old")
    with replacing(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and os.listdir(tmp_path) == [path.name]


def test_what_is_given_up_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as draft:
        draft.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and os.listdir(tmp_path) == [path.name]


def test_a_name_may_be_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("片" * 83 + ".mp4")  # 253 of 255 bytes
    with replacing(path) as draft:
        draft.write_text("new")
    assert path.read_text() == "new"
