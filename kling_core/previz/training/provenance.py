"""What a weights file says of its making: which code, and on which machine."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

import torch

import kling_core


def code() -> str:
    """The version, and a digest of this package's sources: commits share a version, but not their sources."""
    root = Path(kling_core.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(source.relative_to(root).as_posix().encode() + b"\0")
        digest.update(source.read_text(encoding="utf-8").encode() + b"\0")
    return f"{kling_core.__version__}+{digest.hexdigest()[:16]}"


def machine(device: torch.device | str = "cpu") -> str:
    """Processor or graphics card, cores, versions of torch and Python."""
    name = platform.processor() or platform.machine()
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(device)
    return f"{name}, {os.cpu_count()} cores, torch {torch.__version__}, python {sys.version.split()[0]}"
