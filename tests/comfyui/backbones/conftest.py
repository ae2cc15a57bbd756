"""ComfyUI and the pack in this process, for what no server tells: the attention calls of tiny models."""

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
    import comfy.model_management

    # Free memory decides how ComfyUI batches conditions: what else runs on this machine must not decide what is tested.
    comfy.model_management.get_free_memory = _plenty
    return Path(checkout)


def _plenty(device=None, torch_free_too=False):
    return (2**34, 2**34) if torch_free_too else 2**34


@pytest.fixture(scope="session")
def backbones(comfyui):
    """The pack's `nodes.backbones`, as a package inside ComfyUI's custom_nodes would be."""
    spec = importlib.util.spec_from_file_location(PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    sys.modules[PACK] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACK])
    return importlib.import_module(f"{PACK}.nodes.backbones")


@pytest.fixture(scope="session")
def cast():
    from kling_core.demo import demo_cast

    return demo_cast()
