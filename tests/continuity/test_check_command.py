"""`kling check`: what it prints, the sheet, and what it refuses."""

import json

import numpy as np
import pytest

from kling_core.cli import main
from kling_core.media import FilmWriter, read_picture


def write_grey(path, frames, width, height):
    with FilmWriter(path, 12, width, height, 24000) as film:
        film.add_frames(np.full((frames, height, width, 3), 90, np.uint8))


@pytest.fixture
def kling(tmp_path, monkeypatch, capsys):
    """kling("check", ...) in a folder with a grey film as long as the demo: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    write_grey("grey.mp4", 180, 64, 36)

    def run(*arguments):
        try:
            code = main(arguments)
        except SystemExit as stopped:
            code = stopped.code
        return code, *capsys.readouterr()

    return run


def test_a_film_is_measured_and_what_failed_comes_last(kling):
    code, told, errors = kling("check", "grey.mp4", "--demo", "--sheet", "sheet.png")
    assert code == 0, errors
    assert "Shot 2  FAILED" in told and "no cut at its start (frame 36)" in told
    assert told.splitlines()[-1].startswith("Take again: --retake ") and "2,3,4,5" in told.splitlines()[-1]
    sheet = read_picture("sheet.png").astype(int)
    assert ((sheet[..., 0] > 180) & (sheet[..., 1:] < 60).all(-1)).sum() > 10000, "nothing is framed in red"


def test_the_report_as_json(kling):
    data = json.loads(kling("check", "grey.mp4", "--demo", "--json")[1])
    assert 0 <= data["score"] < 0.5 and {2, 3, 4, 5, 6} <= set(data["failed_shots"])


def test_what_cannot_be_checked_is_refused(kling):
    write_grey("short.mp4", 24, 64, 36)
    write_grey("square.mp4", 180, 36, 36)
    for arguments, expected in (
        (("check", "short.mp4", "--demo"), "is 2.00 s long, its plan 15.00 s"),
        (("check", "square.mp4", "--demo"), "its plan is 16:9"),
        (("check", "none.mp4", "--demo"), "none.mp4"),
        (("check", "grey.mp4", "--demo", "--sheet", "grey.mp4"), "would be written over"),
        (("check", "grey.mp4"), "one of the arguments --scene --demo is required"),
    ):
        code, told, errors = kling(*arguments)
        assert code == 2 and expected in errors and told == "", errors
