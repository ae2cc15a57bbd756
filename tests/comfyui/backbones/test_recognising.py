"""Which family a MODEL is of, on ComfyUIs that lack the nodes of another."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import pytest
from families import FAMILIES, PACKAGE, base

from kling_core.errors import KlingError


@pytest.fixture
def without_ltx_nodes(backbones, monkeypatch):
    monkeypatch.delitem(sys.modules, f"{PACKAGE}.ltx", raising=False)
    monkeypatch.setitem(sys.modules, "comfy_extras.nodes_lt", None)
    monkeypatch.delattr(importlib.import_module("comfy_extras"), "nodes_lt", raising=False)


def test_a_comfyui_too_old_for_ltx_still_directs_wan(without_ltx_nodes):
    assert FAMILIES["wan"].backbone().name == "Wan"


def test_a_model_that_nobody_knows_is_told_with_what_this_comfyui_is_too_old_for(without_ltx_nodes):
    connected = base().Connected(SimpleNamespace(model=object()), None, None)
    with pytest.raises(KlingError, match="is a object, which Kling Core cannot direct.*too old for LTX-2.x.*nodes_lt"):
        importlib.import_module(PACKAGE).backbone_of(connected, base().Options())
