"""ComfyUI's door to Kling Core. Everywhere else (pip, pytest) importing this file does nothing."""

import importlib.util
import sys
from pathlib import Path

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint():
    """The pack's extension, which ComfyUI asks for at start."""
    _provide_core()
    from .nodes import KlingCoreExtension

    return KlingCoreExtension()


def _provide_core() -> None:
    """Make `import kling_core` find the copy beside this file.

    The nodes must run with the core of their own version, and the pack's folder must stay off sys.path: its `nodes`
    would stand in the way of ComfyUI's.
    """
    folder = Path(__file__).parent / "kling_core"
    if "kling_core" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "kling_core", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["kling_core"] = module
    spec.loader.exec_module(module)
