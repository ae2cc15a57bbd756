"""Wan behind the Backbone protocol, with models of its true class."""

import importlib

import pytest
import torch
from tiny_models import WAN, BlockVAE, WordCLIP, wan

pytestmark = pytest.mark.comfyui


@pytest.fixture(scope="module")
def backbone_of(backbones):
    base = importlib.import_module(f"{backbones.__name__}.comfy_backbone")
    family = importlib.import_module(f"{backbones.__name__}.wan").Wan

    def make(model=None, **options):
        vae = BlockVAE(16, 8, family.lattice)
        connected = base.Connected(model or wan(), WordCLIP(WAN["text_dim"], least=160), vae)
        return backbones.backbone_of(connected, base.Options(**{"short_edge": 64, "steps": 3, **options}))

    return make


def test_it_runs(backbone_of):
    from kling_core.elements.element import Cast
    from kling_core.plan.resolve import plan as resolve
    from kling_core.storyboard.script import parse_script

    b = backbone_of()
    print(b.found)
    sb = parse_script("Shot 1 (2s, wide): a tree. Shot 2 (2s, close-up): a bird.")
    plan = resolve(sb, Cast(), b.grid, b.limits)
    cond = b.condition(plan, Cast())
    lat = b.sample(cond, seed=0, settings=b.defaults)
    print(lat.video.shape, lat.video.std())
    assert torch.isfinite(lat.video).all()
