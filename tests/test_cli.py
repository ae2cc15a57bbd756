"""`kling` as a process: what it prints, what it leaves behind, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scene_fakes import small_cast

from kling_core.elements.library import save_element
from kling_core.media import FilmWriter, read_picture, read_video, write_picture, write_sound

ROOT = Path(__file__).parents[1]
WEIGHTS = list((ROOT / "kling_core" / "previz" / "weights").glob("*.safetensors"))
SCENE = 'Shot 1 (2s, wide): @mira walks left past a tree. Shot 2 (2s, close-up): Mira says, "Look at that."'


def environment(folder):
    return {**os.environ, "PYTHONPATH": str(ROOT), "KLING_LIBRARY": str(folder / "library"), "OMP_NUM_THREADS": "1",
            "PYTHONIOENCODING": "utf-8"}


def kling(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "kling_core", *map(str, arguments)], cwd=folder, env=environment(folder),
        capture_output=True, text=True, encoding="utf-8", timeout=300,
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with a scene and an element for it."""
    (tmp_path / "scene.txt").write_text(SCENE, encoding="utf-8")
    save_element(small_cast("mira")["mira"], tmp_path / "mira.element.safetensors")
    return tmp_path


MIRA = ("--element", "mira=mira.element.safetensors")


def mistakes(run):
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stderr and run.stdout == ""
    return run.stderr


def test_plan_as_text(folder):
    run = kling(folder, "plan", "scene.txt", *MIRA)
    assert run.returncode == 0 and run.stderr == ""
    for expected in ("Shot 1  0.00–2.00 s", "frames 24–47", "@mira walk toward left behind a tree", "“Look at that.”",
                     "Tokens: "):
        assert expected in run.stdout


def test_plan_as_json(folder):
    plan = json.loads(kling(folder, "plan", "scene.txt", "--json", *MIRA).stdout)
    assert [shot["stop_frame"] for shot in plan["shots"]] == [24, 48] and plan["tokens"]["video"] == 12 * 144


def test_plan_finds_elements_in_the_library(folder):
    library = folder / "library"
    library.mkdir()
    (folder / "mira.element.safetensors").rename(library / "mira.element.safetensors")
    assert kling(folder, "plan", "scene.txt").returncode == 0
    assert kling(folder, "element", "list").stdout == "mira\n"


def test_every_mistake_of_scene_and_cast_in_one_message(folder):
    (folder / "scene.json").write_text(json.dumps({"seconds": 20, "shots": [
        {"seconds": 0.5, "subjects": ["mira"]},
        {"seconds": 1, "lines": [{"speaker": "zoe", "text": "This line is much too long for the one second it has."}]},
    ]}), encoding="utf-8")
    (folder / "bad.element.safetensors").write_bytes(b"\xff" * 100)
    told = mistakes(kling(folder, "plan", "scene.json", "--element", "mira=bad.element.safetensors"))
    for expected in ("element @mira", "lasts 1.5 s", "to last 20 s", "shot 1: lasts 0.5 s",
                     "shot 2, line 1: unknown speaker @zoe", "needs 2.", "--element zoe=FILE"):
        assert expected in told, told


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ("Shot 1 (16s): @mira waves.", "3 to 15 s"),
        (" ".join(f"Shot {n} (2s): @mira waves." for n in range(1, 8)), "7 shots, at most 6"),
        ("Shot 1 (3x): @mira waves.", "shot 1: “3x” is not a number of seconds"),
        ('Shot 1 (3s): @mira says, "Hi', "no partner"),
        ("", "is empty"),
        ("Shot 1 (3s): @mira waves at @leo.", "unknown subject @leo"),
    ],
)
def test_bad_scenes(folder, scene, expected):
    (folder / "scene.txt").write_text(scene, encoding="utf-8")
    assert expected in mistakes(kling(folder, "render", "scene.txt", "-o", "film.mp4", *MIRA))
    assert not (folder / "film.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("plan", "none.txt"), "none.txt: cannot be read"),
        (("plan", "mira.element.safetensors"), "is not UTF-8 text"),
        (("plan", "scene.txt", "--element", "mira"), "is not NAME=FILE"),
        (("render", "scene.txt", "-o", "no/film.mp4", *MIRA), "there is no folder"),
        (("render", "scene.txt", "-o", "film.avi", *MIRA), "is not called .mp4"),
        (("render", "scene.txt", "--report", "scene.txt", *MIRA), "would be written over"),
        (("render", "scene.txt", "--first-frame", "scene.txt", *MIRA), "scene.txt"),
        (("render", "scene.txt", "--steps", "0"), "is not between 1 and 100"),
        (("render", "scene.txt", "--seed", "-1"), "is not between 0"),
        (("render", "scene.txt", "--takes", "0"), "is not between 1 and 100"),
        (("render", "scene.txt", "--structure", "1.5"), "is not between 0 and 1"),
        (("render", "scene.txt", "--retake", "2", *MIRA), "--retake 2: of no take. Add --from"),
        (("render", "scene.txt", "--from", "film.mp4", *MIRA), "without --retake"),
        (("render", "scene.txt", "--retake", "2", "--from", "x.mp4", *MIRA), "x.take.safetensors: does not exist"),
        (("render", "scene.txt", "--retake", "2", "--from", "scene.txt", *MIRA), "take scene.txt: is cut short"),
        (("render", "scene.txt", "--take", "no/film.take.safetensors", *MIRA), "there is no folder"),
        (("draft", "scene.txt", "-o", "film.mp4", "--width", "10"), "is not between 64"),
        (("element", "show", "nobody"), "is not in the library"),
        (("element", "show", "scene.txt"), "scene.txt"),
        (("train", "previz", "--minutes", "0", "--out", "x"), "is not a number above 0"),
        (("train", "words", "--out", "x", "--seed", "-1"), "is not between 0"),
        ((), "required"),
        (("fly",), "invalid choice"),
    ],
)
def test_bad_arguments(folder, arguments, expected):
    before = sorted(os.listdir(folder))
    assert expected in mistakes(kling(folder, *arguments))
    assert sorted(os.listdir(folder)) == before


def portrait(path, size=400):
    rng = np.random.default_rng(1)
    picture = np.full((size, size, 3), 128, np.uint8)
    edge = size // 4
    picture[edge:-edge, edge:-edge] = rng.integers(0, 255, (size - 2 * edge, size - 2 * edge, 3))
    write_picture(path, picture)


def test_an_item_is_built_shown_and_listed(folder):
    portrait(folder / "cup.png")
    run = kling(folder, "element", "build", "cup", "--front", "cup.png", "--kind", "item", "--description", "a cup")
    assert run.returncode == 0, run.stderr
    assert kling(folder, "element", "list").stdout == "cup\n"
    shown = kling(folder, "element", "show", "cup").stdout
    assert "@cup  item  from photo" in shown and "a cup" in shown and "front: 400 x 400" in shown
    again = kling(folder, "element", "build", "cup", "--front", "cup.png", "--kind", "item")
    assert "already in the library" in mistakes(again)
    assert kling(folder, "element", "build", "cup", "--front", "cup.png", "--kind", "item", "--replace").returncode == 0


def test_an_element_is_built_into_a_file(folder):
    portrait(folder / "cup.png")
    cup = ("cup", "--front", "cup.png", "--kind", "item")
    run = kling(folder, "element", "build", *cup, "-o", "x.element.safetensors")
    assert run.returncode == 0 and "x.element.safetensors" in run.stdout
    assert "@cup" in kling(folder, "element", "show", "x.element.safetensors").stdout


def test_an_element_is_built_of_a_film_alone(folder):
    frames = np.random.default_rng(0).integers(0, 256, (36, 40, 40, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    with FilmWriter(folder / "cup.mp4", 12, 320, 320, 24000) as film:
        film.add_frames(frames)
    run = kling(folder, "element", "build", "cup", "--clip", "cup.mp4", "--kind", "item", "-o", "x.element.safetensors")
    assert run.returncode == 0, run.stderr
    shown = kling(folder, "element", "show", "x.element.safetensors").stdout
    assert "front: 320 x 320" in shown and "clip: 3.0 s, 320 x 320, with sound" in shown


def test_bad_pictures_and_voices_are_told_together(folder):
    portrait(folder / "small.png", size=200)
    write_sound(folder / "short.wav", np.zeros((1, 24000), np.float32), 24000)
    told = mistakes(kling(
        folder, "element", "build", "mira/../x", "--front", "small.png", "--side", "scene.txt", "--voice", "short.wav",
        "-o", "mira.element.safetensors.new",
    ))
    for expected in ("element name", "300", "scene.txt", "5"):
        assert expected in told, told
    assert not list(folder.glob("*.new"))


def test_a_draft_is_a_film_with_sound(folder):
    run = kling(folder, "draft", "scene.txt", "-o", "draft.mp4", "--width", "96", *MIRA)
    assert run.returncode == 0, run.stderr
    film = read_video(folder / "draft.mp4")
    assert film.frames.shape == (48, 54, 96, 3) and np.abs(film.sound).max() > 0.05


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_leaves_nothing_behind(folder):
    command = [sys.executable, "-m", "kling_core", "draft", "scene.txt", "-o", "draft.mp4", "--width", "1280", *MIRA]
    before = sorted(os.listdir(folder))
    process = subprocess.Popen(command, cwd=folder, env=environment(folder), stderr=subprocess.PIPE, text=True)
    told = []
    while "draw" not in "".join(told):
        told.append(process.stderr.readline())
        assert told[-1], "it ended before it drew anything:\n" + "".join(told)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped" in rest and "Traceback" not in rest
    assert sorted(os.listdir(folder)) == before


@pytest.mark.skipif(os.name == "nt", reason="the size of files cannot be limited there")
def test_a_full_disk_is_one_message_and_leaves_nothing_behind(folder):
    import resource

    before = sorted(os.listdir(folder))
    run = subprocess.run(
        [sys.executable, "-m", "kling_core", "draft", "scene.txt", "-o", "draft.mp4", "--width", "96", *MIRA],
        cwd=folder, env=environment(folder), capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )
    assert run.returncode == 2 and "does not fit on the disk" in run.stderr and "Traceback" not in run.stderr
    assert sorted(os.listdir(folder)) == before


@pytest.mark.skipif(not WEIGHTS, reason="the embedded model's weights are not here")
def test_a_scene_is_rendered(folder):
    run = kling(
        folder, "render", "scene.txt", "-o", "film.mp4", "--steps", "1", "--seed", "3", "--report", "report.json",
        "--sheet", "sheet.png", *MIRA,
    )
    assert run.returncode == 0, run.stderr
    assert "Shot 1" in run.stdout and "film.mp4" in run.stdout and "sample" in run.stderr
    film = read_video(folder / "film.mp4")
    assert len(film.frames) == 48 and film.sound is not None
    assert json.loads((folder / "report.json").read_text("utf-8"))["seed"] == 3
    assert read_picture(folder / "sheet.png").ndim == 3


@pytest.mark.skipif(not WEIGHTS, reason="the embedded model's weights are not here")
def test_a_shot_is_retaken_from_the_take_beside_the_film(folder):
    usual = ("render", "scene.txt", "--steps", "1", *MIRA)
    assert kling(folder, *usual, "-o", "film.mp4", "--seed", "3").returncode == 0
    retake = (*usual, "--retake", "2", "--from", "film.mp4")
    run = kling(folder, *retake, "-o", "better.mp4", "--report", "report.json")
    assert run.returncode == 0, run.stderr
    assert json.loads((folder / "report.json").read_text("utf-8"))["seeds"] == [3, 4]
    assert (folder / "better.take.safetensors").is_file()
    told = mistakes(kling(folder, *usual, "--retake", "1,9", "--from", "film.mp4", "-o", "film.mp4"))
    assert "film.take.safetensors: would be written over" in told and "there is no shot 9" in told
    (folder / "scene.txt").write_text(SCENE.replace("walks left", "waves"), encoding="utf-8")
    assert "shot 1: stays, but the scene says something else now" in mistakes(kling(folder, *retake, "-o", "new.mp4"))
    assert not (folder / "new.mp4").exists()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
@pytest.mark.skipif(not WEIGHTS, reason="the embedded model's weights are not here")
def test_ctrl_c_between_takes_says_what_is_there(folder):
    before = sorted(os.listdir(folder))
    render = ("render", "scene.txt", "-o", "film.mp4", "--takes", "9", "--steps", "100", *MIRA)
    process = subprocess.Popen(
        [sys.executable, "-m", "kling_core", *render], cwd=folder, env=environment(folder),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    while "sample" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    told, rest = process.communicate(timeout=60)
    assert process.returncode == 130 and "nothing is written" in told and "Traceback" not in rest
    assert sorted(os.listdir(folder)) == before


def test_version_and_help(folder):
    assert kling(folder, "--version").stdout.startswith("Kling Core ")
    assert "plan" in kling(folder, "--help").stdout
