"""Quantised weights, as ComfyUI and ComfyUI-GGUF load them, are sampled, routed and named like whole ones."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from families import FAMILIES, PACKAGE
from test_every_family import OVERRIDE, parts, planned, recorded, sampled
from tiny_models import LTX, ltx_file, minimax_h3_file, model_of, wan_file

from kling_core.errors import KlingError

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

GGUF = "KLING_GGUF_PATH"
FILES = {"wan": wan_file, "ltx-2": ltx_file, "h3": minimax_h3_file}
LARGEST = {"float8_e4m3fn": 448, "int8_tensorwise": 127}
# GGUF packs 32 weights of a row together.
ROWS_OF_32 = {
    "wan": lambda: wan_file(dim=64, ffn_dim=64),
    "ltx-2": lambda: ltx_file(config=LTX | {
        "attention_head_dim": 32, "audio_attention_head_dim": 16, "cross_attention_dim": 64,
        "audio_cross_attention_dim": 32,
    }),
}  # fmt: skip


def fp8(family: str, folder: Path) -> Any:
    """As UNETLoader loads whole weights with weight_dtype fp8_e4m3fn."""
    return model_of(FILES[family](), dtype=torch.float8_e4m3fn)


def by_layers(format_name: str) -> Callable[[str, Path], Any]:
    """A checkpoint of ComfyUI's own, each layer of the blocks with its scale."""

    def model(family: str, folder: Path) -> Any:
        weights, metadata = FILES[family]()
        layers = {name.removesuffix(".weight") for name in matrices(weights)}
        for layer in layers:
            scale, values = scaled(weights[f"{layer}.weight"], format_name)
            weights |= {f"{layer}.weight": values, f"{layer}.weight_scale": scale}
        told = {"format_version": "1.0", "layers": {layer: {"format": format_name} for layer in sorted(layers)}}
        return model_of((weights, metadata | {"_quantization_metadata": json.dumps(told)}))

    return model


def scaled_fp8(family: str, folder: Path) -> Any:
    """The same as older checkpoints have it."""
    weights, metadata = FILES[family]()
    for name in matrices(weights):
        scale, weights[name] = scaled(weights[name], "float8_e4m3fn")
        weights[f"{name.removesuffix('.weight')}.scale_weight"] = scale
    return model_of((weights | {"scaled_fp8": torch.zeros(0, dtype=torch.float8_e4m3fn)}, metadata))


def gguf(family: str, folder: Path) -> Any:
    """As ComfyUI-GGUF's loader node loads a file, told the sizes that its detection takes for granted."""
    pack, (weights, metadata) = gguf_pack(), ROWS_OF_32[family]()
    path = folder / f"{family}.gguf"
    write_gguf(path, {"wan": "wan", "ltx-2": "ltxv"}[family], weights)
    state = pack.gguf_sd_loader(str(path))
    return pack.GGUFModelPatcher.clone(model_of((state, metadata), custom_operations=pack.GGMLOps()))


def matrices(weights: dict[str, torch.Tensor]) -> list[str]:
    return [name for name, values in weights.items() if "blocks." in name and values.dim() == 2 and "weight" in name]


def scaled(values: torch.Tensor, format_name: str) -> tuple[torch.Tensor, torch.Tensor]:
    scale = values.abs().max() / LARGEST[format_name]
    small = values / scale
    return scale, small.to(torch.float8_e4m3fn) if "float8" in format_name else small.round().to(torch.int8)


def gguf_pack() -> Any:
    folder = os.environ.get(GGUF)
    if not folder:
        pytest.skip(f"{GGUF} names no checkout of ComfyUI-GGUF")
    pytest.importorskip("gguf", reason="the package gguf is missing, which ComfyUI-GGUF needs")
    name = "custom_nodes_gguf"
    if name not in sys.modules:
        init = Path(folder, "__init__.py")
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[folder])
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return importlib.import_module(f"{name}.nodes")


def write_gguf(path: Path, architecture: str, weights: dict[str, torch.Tensor]) -> None:
    """Q8_0 for all matrices of the blocks with rows of a multiple of 32."""
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    writer, packed, kind = GGUFWriter(str(path), architecture), set(matrices(weights)), GGMLQuantizationType.Q8_0
    for name, values in weights.items():
        if name in packed and values.shape[1] % 32 == 0:
            writer.add_tensor(name, quantize(values.numpy(), kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@dataclass(frozen=True)
class Quantised:
    """model(family, folder) is the MODEL; named is how the Backbone tells it."""

    model: Callable[[str, Path], Any]
    named: str


KINDS = {
    "fp8": Quantised(fp8, "fp8"),
    "fp8 by layers": Quantised(by_layers("float8_e4m3fn"), "fp8"),
    "scaled fp8": Quantised(scaled_fp8, "fp8"),
    "int8 by layers": Quantised(by_layers("int8_tensorwise"), "int8_tensorwise"),
    "gguf": Quantised(gguf, "GGUF Q8_0"),
}
# MiniMax H3 cannot be sampled with norms in fp8, and ComfyUI-GGUF does not know it.
CASES = [
    *(("wan", kind) for kind in KINDS), *(("ltx-2", kind) for kind in ("fp8", "int8 by layers", "gguf")),
    *(("h3", kind) for kind in ("fp8 by layers", "int8 by layers")),
]  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda case: " ".join(case))
def case(request, tmp_path):
    """A family, the kind of weights, and a MODEL of it."""
    family, kind = request.param
    return FAMILIES[family], KINDS[kind], KINDS[kind].model(family, tmp_path)


def bound() -> Any:
    return importlib.import_module(f"{PACKAGE}.policies").policy("bound", "full")


def test_an_open_policy_is_the_stock_nodes_run_of_the_same_weights_to_the_bit(case, cast):
    family, _, model = case
    backbone = family.backbone(model)
    plan = planned(backbone, cast)
    stock = family.stock(backbone, plan, cast, 5, backbone.defaults.steps)
    ours = backbone.to_host(sampled(backbone, plan, cast))
    for one, other in zip(parts(ours), parts(stock), strict=True):
        assert torch.equal(one, other.float()) and one.std() > 0 and one.isfinite().all()


def test_bound_hides_what_it_hides(case, cast):
    family, _, model = case
    hidden = 0
    for call in recorded(family, cast, bound(), model):
        for number, (q, k, v, output) in call.parts():
            mask = call.bias(number, bound())
            hidden += int((mask == -torch.inf).sum())
            dense = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q)).nan_to_num()
            assert torch.allclose(output, dense, atol=2e-5)
    assert hidden


def test_the_users_model_is_as_it_was(case, cast):
    family, _, model = case
    backbone = family.backbone(model, policy=bound())
    plan = planned(backbone, cast)
    stock = family.stock(backbone, plan, cast, 5, 2)
    film = backbone.to_host(sampled(backbone, plan, cast))
    assert not torch.equal(parts(film)[0], parts(stock)[0].float())
    assert OVERRIDE not in model.model_options["transformer_options"]
    assert "patches_replace" not in model.model_options["transformer_options"]
    again = family.stock(backbone, plan, cast, 5, 2)
    assert all(torch.equal(one, other) for one, other in zip(parts(stock), parts(again), strict=True))


def test_the_backbone_tells_them_from_whole_weights(case, cast):
    family, kind, model = case
    whole, backbone = family.backbone(), family.backbone(model)
    assert f"weights in {kind.named}\n" in backbone.found and "weights in" not in whole.found
    assert backbone.weights == family.backbone(model).weights != whole.weights
    assert backbone.forecast(planned(backbone, cast), cast)


def test_fp8_that_comfyui_cannot_sample_is_told_with_what_to_do(tmp_path, cast):
    backbone = FAMILIES["h3"].backbone(fp8("h3", tmp_path))
    plan = planned(backbone, cast)
    with pytest.raises(KlingError, match="norms are in fp8.*weight_dtype default"):
        sampled(backbone, plan, cast)
