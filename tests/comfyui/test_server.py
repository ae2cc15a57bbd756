"""The shipped workflows on a real ComfyUI server."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

pytestmark = pytest.mark.comfyui

WORKFLOWS = Path(__file__).parents[2] / "workflows"
DEMO = WORKFLOWS / "api" / "kling_core_demo.json"
IMPORT_SECONDS = 0.3


def prompt(path: Path = DEMO, **changes) -> dict:
    """A workflow in API form, with some inputs changed: `node_class__input=value`."""
    nodes = json.loads(path.read_text("utf-8"))
    for target, value in changes.items():
        kind, _, name = target.partition("__")
        next(node for node in nodes.values() if node["class_type"] == f"KlingCore{kind}")["inputs"][name] = value
    return nodes


def node_id(nodes: dict, kind: str) -> str:
    return next(id for id, node in nodes.items() if node["class_type"] == kind)


def test_the_pack_imports_fast_and_all_nodes_are_there(server):
    assert server.import_seconds <= IMPORT_SECONDS
    known = server.get("/object_info")
    assert sum(name.startswith("KlingCore") for name in known) == 8


def test_help_pages_and_workflows_are_served(server):
    pages = [path for path in server.get("/extensions") if "KlingCore" in path]
    assert not pages, "help pages are no scripts"
    templates = next(iter(server.get("/workflow_templates").values()))
    assert templates == ["kling_core_demo"], "only workflows in the editor's form belong into the template browser"


def test_cancel_leaves_nothing_behind_and_the_server_goes_on(server):
    nodes = prompt(VideoSampler__steps=50)
    before = server.outputs()
    run = server.run(nodes, interrupt_at=node_id(nodes, "KlingCoreVideoSampler"))
    assert run.of_type("execution_interrupted") and not run.succeeded
    assert server.outputs() == before
    queue = server.get("/queue")
    assert queue == {"queue_running": [], "queue_pending": []}


def test_a_mistake_in_the_script_reaches_the_user_with_its_remedy(server):
    nodes = prompt(ShotSequence__script="Shot 1 (20s): @mira waves. Shot 2 (4s): @nobody waves.")
    run = server.run(nodes)
    error, = run.of_type("execution_error")
    assert error["node_type"] == "KlingCoreVideoSampler"
    assert "nobody" in error["exception_message"] and "15 s" in error["exception_message"]


def test_the_demo_workflow_makes_a_film_with_stereo_sound(server):
    nodes = prompt()
    run = server.run(nodes)
    assert run.succeeded, run.history["status"]
    film = only_film(server, run)
    with av.open(str(film)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert video.average_rate == Fraction(12)
        assert len(frames) == 15 * 12 and frames[0].shape == (144, 256, 3)
        assert sound.channels == 2
    with av.open(str(film)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert samples.shape[1] / sound.rate == pytest.approx(15, abs=0.1)
    assert np.abs(samples).max() > 0.05 and not np.allclose(samples[0], samples[1])
    sampler = node_id(nodes, "KlingCoreVideoSampler")
    assert {message["value"] for message in run.of_type("progress") if message["node"] == sampler} >= {1, 2}
    assert run.previews


def only_film(server, run) -> Path:
    saved = [item for output in run.history["outputs"].values() for items in output.values() if isinstance(items, list)
             for item in items if isinstance(item, dict) and item.get("filename", "").endswith(".mp4")]
    film, = saved
    return server.base / "output" / film["subfolder"] / film["filename"]
