"""Tests against a real ComfyUI. They run when COMFYUI_PATH names a checkout, with the Python that can run it:

    COMFYUI_PATH=/path/to/ComfyUI python -m pytest tests/comfyui

COMFYUI_PYTHON names another Python for the server. Tests with a browser need playwright and a Chromium as well.
"""

import os
from pathlib import Path

import pytest
from comfyui_server import started


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    checkout = os.environ.get("COMFYUI_PATH")
    if not checkout:
        pytest.skip("COMFYUI_PATH names no ComfyUI checkout")
    pytest.importorskip("aiohttp", reason="aiohttp is missing: run with the Python that runs ComfyUI")
    with started(Path(checkout), tmp_path_factory.mktemp("comfyui") / "base") as running:
        yield running
