"""The shipped workflows, sent to a real ComfyUI server as its API takes them."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

pytestmark = pytest.mark.comfyui

WORKFLOWS = Path(__file__).parents[2] / "workflows"
DEMO = WORKFLOWS / "api" / "kling_core_demo.json"
SHORT = "Place: park\nShot 1 (3s, wide): @mira waves."
IMPORT_SECONDS = 0.3
# First frames of the demo's shots, and their end.
CUTS = (0, 36, 66, 96, 120, 150, 180)
ROUNDING = 4  # frames a latent, which cuts are moved to


def prompt(path: Path = DEMO, **changes) -> dict:
    """A workflow in API form, with some inputs changed: `node_class__input=value`."""
    nodes = json.loads(path.read_text("utf-8"))
    for target, value in changes.items():
        kind, _, name = target.partition("__")
        nodes[node_id(nodes, kind)]["inputs"][name] = value
    return nodes


def node_id(nodes: dict, kind: str) -> str:
    return next(id for id, node in nodes.items() if node["class_type"] == f"KlingCore{kind}")


def test_the_pack_imports_fast_and_all_nodes_are_there(server):
    assert server.import_seconds <= IMPORT_SECONDS
    known = server.get("/object_info")
    assert sum(name.startswith("KlingCore") for name in known) == 11


def test_help_pages_and_workflows_are_served(server):
    pages = [path for path in server.get("/extensions") if "KlingCore" in path]
    assert not pages, "help pages are no scripts"
    templates = server.get("/workflow_templates")[WORKFLOWS.parent.name]
    shipped = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
    assert sorted(templates) == shipped, "only workflows in the editor's form belong into the template browser"


def test_cancel_leaves_nothing_behind_and_the_next_prompt_runs(server):
    nodes = prompt(ShotSequence__script=SHORT, VideoSampler__steps=50)
    sampler = node_id(nodes, "VideoSampler")
    before = server.outputs()
    cancelled = server.run(nodes, interrupt_at=sampler)
    assert cancelled.of_type("execution_interrupted") and not cancelled.succeeded
    assert max(message["value"] for message in cancelled.of_type("progress") if message["node"] == sampler) < 10
    assert server.outputs() == before
    assert server.get("/queue") == {"queue_running": [], "queue_pending": []}

    following = server.run(prompt(ShotSequence__script=SHORT, VideoSampler__steps=2))
    assert following.succeeded, following.history["status"]
    frames, _, _ = read_film(only_film(server, following))
    assert len(frames) == 3 * 12


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("Shot 1 (3s, wide): @nobody waves.", ["@nobody", "BindSubject"]),
        ("Shot 1 (3s, wide): @mira waves. Shot 2 (0.5s): @leo waves.", ["shot 2", "1 s"]),
        ("Shot 1 (20s): @mira waves. Shot 2 (0.5s): @nobody waves.", ["15 s", "shot 2", "1 s", "@nobody"]),
    ],
    ids=["unknown name", "short shot", "several"],
)
def test_mistakes_in_the_script_are_told_at_the_node_with_their_remedy(server, script, told):
    run = server.run(prompt(ShotSequence__script=script))
    error, = run.of_type("execution_error")
    assert error["node_type"] in ("KlingCoreShotSequence", "KlingCoreVideoSampler")
    assert [part for part in told if part not in error["exception_message"]] == []
    assert "Traceback" not in error["exception_message"]


def test_the_demo_workflow_makes_a_film_with_stereo_sound(server):
    nodes = prompt()
    run = server.run(nodes)
    assert run.succeeded, run.history["status"]
    frames, samples, rate = read_film(only_film(server, run))
    assert frames.shape == (15 * 12, 288, 512, 3)
    assert_shows_the_park(frames)
    assert samples.shape[1] / rate == pytest.approx(15, abs=0.1)
    assert np.abs(samples).max() > 0.05 and not np.allclose(samples[0], samples[1])
    sampler = node_id(nodes, "VideoSampler")
    steps = set(range(1, nodes[sampler]["inputs"]["steps"] + 1))
    assert {message["value"] for message in run.of_type("progress") if message["node"] == sampler} >= steps
    assert run.previews


def assert_shows_the_park(frames: np.ndarray) -> None:
    """Neither black nor noise: in each shot some blue above, some green below, areas larger than noise; cuts where
    planned."""
    for first, after in zip(CUTS, CUTS[1:], strict=False):
        frame = frames[(first + after) // 2].astype(float)
        strongest = frame.argmax(2)
        assert (strongest[:72] == 2).mean() > 0.2, f"frame {first}: no sky"
        assert (strongest[144:] == 1).mean() > 0.2, f"frame {first}: no grass"
        row = frame.mean(2)
        assert np.corrcoef(row[:, :-8].ravel(), row[:, 8:].ravel())[0, 1] > 0.5, f"frame {first}: noise"
    change = np.abs(np.diff(frames.astype(float), axis=0)).mean((1, 2, 3))
    cuts = np.sort(np.argsort(change)[-len(CUTS[1:-1]) :]) + 1
    assert np.abs(cuts - CUTS[1:-1]).max() <= ROUNDING, f"cuts at {cuts}"


def only_film(server, run) -> Path:
    saved = [item for output in run.history["outputs"].values() for items in output.values() if isinstance(items, list)
             for item in items if isinstance(item, dict) and item.get("filename", "").endswith(".mp4")]
    film, = saved
    return server.base / "output" / film["subfolder"] / film["filename"]


def read_film(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """(frames [T, H, W, 3], samples [2, N], sample rate) of an mp4 with H.264 at 12 fps and stereo AAC."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert video.average_rate == Fraction(12) and sound.channels == 2
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video)])
        container.seek(0)
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    return frames, samples, sound.rate
