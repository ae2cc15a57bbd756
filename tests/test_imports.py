"""Who imports whom: importing the core is cheap, the core knows nothing of ComfyUI, and rooms import downwards."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "kling_core"
HEAVY = {"torch", "torchaudio", "cv2", "av", "kornia", "scipy", "onnxruntime", "matplotlib"}
COMFYUI = {"comfy", "comfy_api", "comfy_extras", "comfy_execution", "folder_paths", "nodes", "server", "execution"}
# A room imports from rooms of its own height and below. `errors` and `backbone` are what all rooms agree on.
HEIGHT = {
    "errors": 0, "atomic": 0, "media": 0, "tensor_file": 0, "elements": 1, "storyboard": 1, "plan": 2, "backbone": 2,
    "attention": 3, "sampling": 3, "prompts": 3,
    "sound": 4, "decode": 4, "previz": 5, "continuity": 6, "render": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
HEIGHT_OF_OTHERS = HEIGHT["render"]


def imported_names(path):
    """Absolute names of the modules that a file imports, anywhere in it, except those for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        id(inner)
        for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(dotted):
    return dotted.split(".")[1]


def height(room_name):
    return HEIGHT.get(room_name, HEIGHT_OF_OTHERS)


def core_files():
    return sorted(path for path in CORE.rglob("*.py") if path.parent != CORE or path.name != "__init__.py")


@pytest.mark.parametrize(
    "module",
    ["kling_core", "kling_core.cli", "kling_core.errors", "kling_core.backbone", "kling_core.storyboard.script"],
)
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sorted({HEAVY!r}.intersection(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_the_core_knows_nothing_of_comfyui():
    found = [f"{path.name}: {name}" for path in core_files() for name in imported_names(path)
             if name.split(".")[0] in COMFYUI]
    assert found == []


def test_rooms_import_downwards_only():
    upward = []
    for path in core_files():
        own = path.relative_to(CORE).parts[0].removesuffix(".py")
        for name in imported_names(path):
            if name.startswith("kling_core.") and name != "kling_core.__version__" and height(room(name)) > height(own):
                upward.append(f"{path.relative_to(ROOT)} imports {name}")
    assert upward == []
