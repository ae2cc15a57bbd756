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


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes-2.0"])
def demo(request, server, tmp_path_factory):
    """The demo workflow, open in the editor."""
    pytest.importorskip("playwright", reason="playwright is missing")
    if not comfyui_browser.chromium():
        pytest.skip("no Chromium is installed")
    folder = Path(os.environ.get("KLING_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    with comfyui_browser.opened(server.url, vue_nodes=request.param) as graph:
        graph.open(json.loads((WORKFLOWS / "kling_core_demo.json").read_text("utf-8")))
        graph.picture(folder / f"graph_{'nodes2' if request.param else 'classic'}.png")
        yield graph


def test_run_sends_what_the_api_form_of_the_workflow_says(demo):
    expected = json.loads((WORKFLOWS / "api" / "kling_core_demo.json").read_text("utf-8"))
    assert demo.prompt() == expected


def test_no_node_covers_another(demo):
    for one, other in combinations(demo.boxes(), 2):
        a, b = one["box"], other["box"]
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one['title']} and {other['title']}"
