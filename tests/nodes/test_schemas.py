"""What holds for every node: its name, its sockets, its help page, its place in the pack."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = (
    "ElementBuilder", "LoadElement", "BindSubject", "ShotSequence", "LoadBackbone", "Backbone", "Forecast",
    "VideoSampler", "AudioSync", "VAEDecode3D", "ContinuityReport",
)
LANGUAGES = ("zh", "ja", "ko", "es")


def test_the_pack_has_exactly_these_nodes(pack):
    assert sorted(pack.nodes) == sorted(f"KlingCore{name}" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_node_says_what_it_is_and_where_it_belongs(pack, name):
    schema = pack.nodes[f"KlingCore{name}"].define_schema()
    assert schema.category == "Kling Core"
    assert schema.display_name.replace(" ", "") == name
    assert schema.description.endswith(".") and schema.search_aliases


@pytest.mark.parametrize("name", NAMES)
def test_execute_takes_exactly_the_inputs_of_the_schema(pack, name):
    node = pack.nodes[f"KlingCore{name}"]
    parameters = inspect.signature(node.execute).parameters
    sockets = {socket.id: socket for socket in node.define_schema().inputs}
    assert set(parameters) == set(sockets)
    optional = {id for id, parameter in parameters.items() if parameter.default is not inspect.Parameter.empty}
    assert optional == {id for id, socket in sockets.items() if socket.optional}


@pytest.mark.parametrize("name", NAMES)
def test_every_node_has_a_help_page_that_names_its_inputs(pack, name):
    schema = pack.nodes[f"KlingCore{name}"].define_schema()
    page = (ROOT / pack.root.WEB_DIRECTORY / "docs" / f"{schema.node_id}.md").read_text("utf-8")
    assert page.startswith(f"# {schema.display_name}\n")
    for socket in schema.inputs:
        growing = socket.template and f"{socket.template.prefix}0"
        assert (growing or socket.display_name or socket.id).removesuffix(" (MB)") in page


def test_importing_the_root_outside_of_comfyui_touches_nothing():
    code = "import importlib.util as u, sys; s = u.spec_from_file_location('pack', sys.argv[1]); " \
           "m = u.module_from_spec(s); s.loader.exec_module(m); " \
           "bad = {'torch', 'comfy_api', 'kling_core', 'nodes', 'pydantic'} & set(sys.modules); assert not bad, bad"
    subprocess.run([sys.executable, "-c", code, str(ROOT / "__init__.py")], check=True)
