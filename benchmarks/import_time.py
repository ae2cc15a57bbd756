"""How long the pack keeps ComfyUI's start waiting, and what `import kling_core` costs.

    python benchmarks/import_time.py [--repeat 9] [--out FILE.json]

Each sample is a new interpreter. The pack is imported as ComfyUI imports it: the root `__init__.py`, its entry point,
the list of nodes, and every node's schema. In place of ComfyUI stand modules that accept everything and cost nothing,
so the figure is the pack's own share: once with nothing imported before, once with those packages that ComfyUI has in
memory anyway. `brings` names the heavy packages that are in memory afterwards.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from results import describe_machine, publish

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchaudio", "cv2", "av", "kornia", "numpy", "pydantic", "safetensors")

_STAND_IN = """
import sys, types

class Anything(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return cls
    def __call__(cls, *args, **options):
        return cls if cls is StandIn else super().__call__(*args, **options)

class StandIn(metaclass=Anything):
    pass

class Module(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn

for name in ("comfy", "comfy.model_management", "comfy.nested_tensor", "comfy.utils", "comfy_api", "comfy_api.latest",
             "folder_paths"):
    sys.modules[name] = Module(name)
"""
# ComfyUI has imported these itself before it looks for packs.
_COMFYUI_HAS = "import asyncio, numpy, pydantic, safetensors"
_IMPORT_PACK = """
spec = importlib.util.spec_from_file_location("pack", {init!r}, submodule_search_locations=[{root!r}])
sys.modules["pack"] = pack = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)
async def nodes():
    return await (await pack.comfy_entrypoint()).get_node_list()
schemas = [node.define_schema() for node in asyncio.run(nodes())]
assert schemas
"""
_SAMPLE = """
import asyncio, importlib.util, json, sys, time
{prepare}
began = time.perf_counter()
{code}
seconds = time.perf_counter() - began
print(json.dumps([seconds, [name for name in {heavy!r} if name in sys.modules]]))
"""


def measure(code: str, prepare: str, repeat: int) -> dict:
    """Median and slowest of `repeat` samples in seconds, and which heavy packages the import brought in."""
    program = _SAMPLE.format(prepare=prepare, code=code, heavy=HEAVY)
    samples = []
    for _ in range(repeat + 1):
        run = subprocess.run([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, text=True, check=True)
        samples.append(json.loads(run.stdout))
    # The first one reads the files from the disk and writes the byte code.
    seconds = [seconds for seconds, _ in samples[1:]]
    return {
        "median_s": round(statistics.median(seconds), 4),
        "slowest_s": round(max(seconds), 4),
        "first_s": round(samples[0][0], 4),
        "brings": samples[0][1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    pack = _IMPORT_PACK.format(init=str(ROOT / "__init__.py"), root=str(ROOT))
    find_core = f"sys.path.insert(0, {str(ROOT)!r})"
    result = {
        "machine": describe_machine(),
        "pack in a bare interpreter": measure(pack, _STAND_IN, arguments.repeat),
        "pack in ComfyUI": measure(pack, _STAND_IN + _COMFYUI_HAS, arguments.repeat),
        "import kling_core": measure("import kling_core", find_core, arguments.repeat),
        "import kling_core.cli": measure("import kling_core.cli", find_core, arguments.repeat),
    }
    publish(result, arguments.out)


if __name__ == "__main__":
    main()
