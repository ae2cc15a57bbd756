"""What the commands refuse before anything is made: files that cannot be written, or would replace what is read."""

import os
from pathlib import Path

import numpy as np
import pytest
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.backbone import Settings
from kling_core.cli import main
from kling_core.elements.library import save_element
from kling_core.media import write_picture
from kling_core.render import render
from kling_core.take import Take, save_take

CAST = small_cast("mira", "leo")
SCRIPT = "Shot 1 (2s): @mira waves. Shot 2 (2s): Mira nods."
MIRA = ("--element", "mira=mira.element.safetensors")


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """refused("render", ...) in a folder with a scene, an element, a picture and a take of three shots."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KLING_LIBRARY", "library")
    Path("scene.txt").write_text(SCRIPT, encoding="utf-8")
    save_element(CAST["mira"], "mira.element.safetensors")
    write_picture("first.png", np.zeros((72, 128, 3), np.uint8))
    save_take(Take.of(render(SCENE, CAST, FakeBackbone(), settings=Settings(steps=1))), "three.take.safetensors")
    Path("three.mp4").write_bytes(b"")

    def run(*arguments):
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        code = main(arguments)
        told, errors = capsys.readouterr()
        assert code == 2 and told == "", errors
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
        return errors

    return run


@pytest.mark.parametrize("output", ["--take", "--report"])
def test_an_element_is_never_written_over(refused, output):
    told = refused("render", "scene.txt", *MIRA, output, "mira.element.safetensors")
    assert told == "kling: mira.element.safetensors: would be written over. Give every file a name of its own.\n"


def test_a_picture_is_never_written_over_by_the_element_made_of_it(refused):
    told = refused("element", "build", "cup", "--front", "first.png", "--kind", "item", "-o", "first.png")
    assert "first.png: would be written over" in told and "300" in told, "the picture is too small, too"


def test_a_given_frame_is_never_written_over(refused):
    told = refused("render", "scene.txt", *MIRA, "--first-frame", "first.png", "--sheet", "./first.png")
    assert "first.png: would be written over" in told


def test_the_film_that_is_retaken_is_never_written_over_whatever_its_new_take_is_called(refused):
    retake = ("--retake", "1", "--from", "three.mp4", "-o", "three.mp4", "--take", "new.take.safetensors")
    assert "three.mp4: would be written over" in refused("render", "scene.txt", *MIRA, *retake)


@pytest.mark.parametrize("command", [("render", "scene.txt"), ("check", "three.mp4", "--scene", "scene.txt")])
def test_a_sheet_that_is_no_picture_is_told_before_anything_is_made(refused, command):
    assert "sheet.gif: is no name of a picture" in refused(*command, *MIRA, "--sheet", "sheet.gif")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("render", "scene.txt", "-o", "."), ".: is a folder"),
        (("render", "scene.txt", "-o", "/"), "is not called .mp4"),
        (("render", "."), ".: cannot be read"),
        (("check", ".", "--scene", "scene.txt"), "cannot be opened"),
        (("render", "scene.txt", "-o", "a" * 300 + ".mp4"), "aaa.mp4: cannot be written"),
        (("plan", "scene.txt", "--element", "mira=" + "a" * 300), "cannot be read"),
    ],
)
def test_paths_that_no_file_can_have(refused, arguments, expected):
    assert expected in refused(*arguments, *(() if "--element" in arguments else MIRA))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder here in which nobody can write")
def test_a_folder_in_which_nothing_can_be_written_is_told_before_anything_is_made(refused):
    told = refused("render", "scene.txt", *MIRA, "-o", "/proc/self/film.mp4")
    assert "/proc/self/film.mp4: cannot be written" in told and "take.safetensors: cannot be written" in told
    assert "cannot be written" in refused("draft", "scene.txt", *MIRA, "-o", "/proc/self/film.mp4")


def test_mistakes_of_output_and_scene_are_told_together(refused):
    Path("scene.txt").write_text(SCRIPT.replace("2s", "20s"), encoding="utf-8")
    for command in ("draft", "render"):
        told = refused(command, "scene.txt", *MIRA, "-o", "film.avi")
        assert "is not called .mp4" in told and "40 s" in told


def test_a_film_is_not_checked_with_the_seeds_of_a_take_of_other_shots(refused):
    told = refused("check", "three.mp4", "--scene", "scene.txt", *MIRA)
    assert "take beside the film: has 3 shots, the scene 2" in told and "--seed" in told
