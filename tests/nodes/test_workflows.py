"""The shipped workflows fit the nodes. `tests/comfyui` runs them for real."""

import json
from pathlib import Path

import pytest

from kling_core.demo import DEMO_SCRIPT

WORKFLOWS = Path(__file__).parents[2] / "workflows"
API_FORMS = sorted((WORKFLOWS / "api").glob("*.json"))
CORE_NODES = {
    "CreateVideo", "SaveVideo", "PreviewAny", "LoadImage", "UNETLoader", "CLIPLoader", "VAELoader",
    "CheckpointLoaderSimple", "LTXAVTextEncoderLoader", "LTXVAudioVAELoader",
}  # fmt: skip


def own_nodes(path):
    nodes = json.loads(path.read_text("utf-8"))
    assert {node["class_type"] for node in nodes.values() if "KlingCore" not in node["class_type"]} <= CORE_NODES
    return [node for node in nodes.values() if "KlingCore" in node["class_type"]]


def test_every_workflow_is_there_in_both_forms():
    editor_forms = sorted(path.name for path in WORKFLOWS.glob("*.json"))
    assert editor_forms == [path.name for path in API_FORMS] != []


@pytest.mark.parametrize("path", API_FORMS, ids=lambda path: path.stem)
def test_a_workflow_gives_every_node_what_it_requires_and_nothing_else(pack, path):
    for node in own_nodes(path):
        sockets = {socket.id: socket for socket in pack.nodes[node["class_type"]].define_schema().inputs}
        given = {name.split(".")[0] for name in node["inputs"]}
        assert given <= set(sockets)
        assert given >= {id for id, socket in sockets.items() if not socket.optional}


@pytest.mark.parametrize("path", API_FORMS, ids=lambda path: path.stem)
def test_a_workflow_chooses_what_the_nodes_offer(pack, path):
    for node in own_nodes(path):
        for socket in pack.nodes[node["class_type"]].define_schema().inputs:
            value = node["inputs"].get(socket.id)
            if socket.options and value is not None:
                assert value in socket.options


def test_the_demo_workflow_plays_the_demo_script(pack):
    script, = (node["inputs"]["script"] for node in own_nodes(WORKFLOWS / "api" / "kling_core_demo.json")
               if node["class_type"] == "KlingCoreShotSequence")
    assert script.split() == DEMO_SCRIPT.read_text("utf-8").split()
