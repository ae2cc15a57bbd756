"""The large open models behind the Backbone protocol, one module a family. What a MODEL is, it says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_core.errors import KlingError, Problem

if TYPE_CHECKING:
    from .comfy_backbone import ComfyBackbone, Connected, Options

OWN_SCHEDULER = "family's own"
"""In place of the name of a scheduler: that of the family's own workflows."""


def backbone_of(connected: Connected, options: Options) -> ComfyBackbone:
    """The backbone of whatever family the MODEL is of. Raises KlingError for a family that nobody here knows, and with
    everything that is missing or wrong among what is connected."""
    from .ltx import LTX
    from .minimax_h3 import MiniMaxH3
    from .wan import Wan

    families = (MiniMaxH3, LTX, Wan)
    for family in families:
        if family.recognises(connected.model):
            backbone = family(connected, options)
            backbone.require_fit()
            return backbone
    found = type(connected.model.model).__name__
    names = ", ".join(family.name for family in families)
    raise KlingError(Problem("model", f"is a {found}, which Kling Core cannot direct", f"Load weights of {names}."))
