"""ComfyUI and the pack in this process, for what no server tells: the attention calls of tiny models."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACK = "custom_nodes_kling_core"


@pytest.fixture(scope="session")
def comfyui():
    """The folder of a ComfyUI whose modules can be imported, on the CPU."""
    checkout = os.environ.get("COMFYUI_PATH")
    if not checkout:
        pytest.skip("COMFYUI_PATH names no ComfyUI checkout")
    pytest.importorskip("aiohttp", reason="aiohttp is missing: run with the Python that runs ComfyUI")
    from start_comfyui import declare_torchvision_operators

    declare_torchvision_operators()
    for name in [name for name in sys.modules if name.split(".")[0] == "nodes"]:
        del sys.modules[name]
    sys.path.insert(0, checkout)
    from comfy.cli_args import args

    args.cpu = True
    return Path(checkout)


@pytest.fixture(scope="session")
def backbones(comfyui):
    """The pack's `nodes.backbones`, as a package inside ComfyUI's custom_nodes would be."""
    spec = importlib.util.spec_from_file_location(PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    sys.modules[PACK] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACK])
    return importlib.import_module(f"{PACK}.nodes.backbones")
