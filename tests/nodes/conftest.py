"""The pack as ComfyUI loads it, inside a pretended ComfyUI."""

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import comfy_double
import pytest

ROOT = Path(__file__).parents[2]
PACK = "custom_nodes_kling_core"


@pytest.fixture
def host():
    return comfy_double.Host()


@pytest.fixture
def pack(host, monkeypatch):
    """The loaded pack: `nodes` by id, `convert`, `host` module, and the root module."""
    for name, module in comfy_double.modules(host).items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location(PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    root = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, PACK, root)
    spec.loader.exec_module(root)

    async def load():
        extension = await root.comfy_entrypoint()
        await extension.on_load()
        return await extension.get_node_list()

    nodes = {node.define_schema().node_id: node for node in asyncio.run(load())}
    yield SimpleNamespace(root=root, nodes=nodes, convert=sys.modules[f"{PACK}.nodes.convert"])
    for name in [name for name in sys.modules if name.startswith(f"{PACK}.")]:
        del sys.modules[name]


@pytest.fixture
def run(pack):
    """run("BindSubject", elements={...}) executes a node with its widgets' defaults and returns its NodeOutput."""

    def execute(name, /, **given):
        node = pack.nodes[f"KlingCore{name}"]
        widgets = {socket.id: socket.default for socket in node.define_schema().inputs if socket.default is not None}
        return node.execute(**{**widgets, **given})

    return execute
