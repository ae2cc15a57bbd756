"""The shipped workflows in ComfyUI's editor, with nodes drawn on the canvas (classic) and by Vue (Nodes 2.0).

    COMFYUI_PATH=… KLING_SCREENSHOTS=folder python -m pytest tests/comfyui/test_editor.py    keeps the pictures
"""

import json
import os
from itertools import combinations
from pathlib import Path

import comfyui_browser
import pytest

pytestmark = pytest.mark.comfyui

WORKFLOWS = Path(__file__).parents[2] / "workflows"
RUN_SECONDS = 500


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes-2.0"])
def demo(request, server, tmp_path_factory):
    """The demo workflow, open in the editor."""
    pytest.importorskip("playwright", reason="playwright is missing")
    if not comfyui_browser.chromium():
        pytest.skip("no Chromium is installed")
    with comfyui_browser.opened(server.url, vue_nodes=request.param) as graph:
        graph.open(json.loads((WORKFLOWS / "kling_core_demo.json").read_text("utf-8")), "kling_core_demo")
        yield graph


@pytest.fixture
def keep_picture(demo, request, tmp_path):
    """keep_picture(moment): the window as it is now, in a file called after the rendering and the moment."""
    folder = Path(os.environ.get("KLING_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    rendering = request.node.callspec.id
    return lambda moment: demo.picture(folder / f"{rendering}_{moment}.png")


def test_run_sends_what_the_api_form_of_the_workflow_says(demo):
    expected = json.loads((WORKFLOWS / "api" / "kling_core_demo.json").read_text("utf-8"))
    assert demo.prompt() == expected


def test_no_node_is_missing_and_none_covers_another(demo, keep_picture):
    assert demo.troubled() == []
    assert covered(demo.boxes()) == []
    keep_picture("opened")


def test_run_shows_the_film_in_the_graph(demo, keep_picture):
    history = demo.run(RUN_SECONDS)
    assert history["status"]["status_str"] == "success", history["status"]
    film = demo.film()
    demo.fit()
    keep_picture("run")
    assert (film["width"], film["height"]) == (512, 288) and film["seconds"] == pytest.approx(15, abs=0.1)
    assert demo.troubled() == []
    assert covered(demo.boxes()) == [], "pictures make nodes grow"


def covered(nodes: list[dict]) -> list[tuple[str, str]]:
    """Titles of the pairs of nodes that share a part of the canvas."""
    pairs = combinations(nodes, 2)
    return [(one["title"], other["title"]) for one, other in pairs if overlap(one["box"], other["box"])]


def overlap(a: list[float], b: list[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
