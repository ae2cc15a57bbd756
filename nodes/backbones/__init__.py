"""The large open models behind the Backbone protocol, one module a family. What a MODEL is, it says itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kling_core.errors import KlingError, Problem

if TYPE_CHECKING:
    from .comfy_backbone import ComfyBackbone
    from .contracts import Connected, Options

OWN_SCHEDULER = "family's own"
"""In place of the name of a scheduler: that of the family's own workflows."""


_FAMILIES = {"MiniMax H3": ("minimax_h3", "MiniMaxH3"), "LTX-2.x": ("ltx", "LTX"), "Wan": ("wan", "Wan")}


def backbone_of(connected: Connected, options: Options) -> ComfyBackbone:
    """The backbone of whatever family the MODEL is of. Raises KlingError for a family that nobody here knows, and with
    everything that is missing or wrong among what is connected.

    A ComfyUI that is too old for one family still directs the others.
    """
    lacking = []
    for name, (module, adapter) in _FAMILIES.items():
        try:
            family = getattr(import_module(f".{module}", __name__), adapter)
        except ImportError as reason:
            lacking.append(f"{name} ({reason})")
            continue
        if family.recognises(connected.model):
            backbone = family(connected, options)
            backbone.require_fit()
            return backbone
    what = f"is a {type(connected.model.model).__name__}, which Kling Core cannot direct"
    update = f" This ComfyUI is too old for {', '.join(lacking)}: update it." if lacking else ""
    raise KlingError(Problem("model", what, f"Load weights of {', '.join(_FAMILIES)}.{update}"))
