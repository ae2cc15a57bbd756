"""What the user's weights are quantised to, told from a model's layers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_FORMATS = {"float8_e4m3fn": "fp8", "float8_e5m2": "fp8"}
_WHOLE = {"F32", "F16", "BF16"}  # what GGUF files do not quantise


def quantisation(network: torch.nn.Module) -> str:
    """Of most of the layers that are quantised: "fp8", a format by ComfyUI's name such as "int8_tensorwise", or GGUF
    with its type, as in "GGUF Q8_0". Empty where none is."""
    found = Counter(kind for layer in network.modules() if (kind := _of_layer(layer)))
    return found.most_common(1)[0][0] if found else ""


def _of_layer(layer: Any) -> str:
    weight, declared = getattr(layer, "weight", None), getattr(layer, "quant_format", None)
    if declared:
        return _FORMATS.get(declared, declared)
    packed = getattr(getattr(weight, "tensor_type", None), "name", None)
    if packed:
        return "" if packed in _WHOLE else f"GGUF {packed}"
    return _FORMATS.get(str(getattr(weight, "dtype", "")).removeprefix("torch."), "")
