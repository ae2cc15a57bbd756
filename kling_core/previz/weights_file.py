"""The shipped weights: one safetensors file with transformer, codecs, and who made them how."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kling_core.atomic import replacing
from kling_core.errors import KlingError, Problem
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.transformer import Config, PrevizTransformer
from kling_core.previz.video_vae import VideoVAE

_SCALE = ".scale_of_outputs"
SHIPPED = Path(__file__).parent / "weights" / "previz.safetensors"


def save_weights(path: Path, model: PrevizTransformer, vae: VideoVAE, codec: AudioCodec, history: list[dict]) -> Path:
    """Write atomically, what was trained in eight bits a weight. history: one entry a training run."""
    tensors = {f"codec.{key}": value for key, value in codec.state_dict().items()}
    tensors |= {f"vae.{key}": value for key, value in vae.state_dict().items() if not key.startswith("refiner.")}
    for name, network in (("transformer", model), ("vae.refiner", vae.refiner)):
        tensors |= _in_eight_bits({f"{name}.{key}": value for key, value in network.state_dict().items()})
    about = {"config": model.config.to_json(), "history": history}
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with replacing(path) as draft:
        save_file(plain, draft, {"about": json.dumps(about)})
    return path


def load_weights(path: Path | None = None) -> tuple[PrevizTransformer, VideoVAE, AudioCodec, dict]:
    """Networks in float32 on the CPU, ready for inference, and the file's own account of itself."""
    path = Path(path or SHIPPED)
    if not path.is_file():
        raise KlingError(
            Problem(
                "backbone previz",
                f"the weights file {path} does not exist",
                "Install the package with its data, or make weights with `kling train previz`.",
            )
        )
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = _in_full({key: file.get_tensor(key) for key in file.keys()})
        model = PrevizTransformer(Config(**about["config"]))
        vae, codec = VideoVAE(), AudioCodec()
        for prefix, module in (("transformer.", model), ("vae.", vae), ("codec.", codec)):
            module.load_state_dict(
                {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
            )
            module.eval().requires_grad_(False)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise KlingError(
            Problem(
                "backbone previz",
                f"{path.name} is not a weights file of this version ({type(error).__name__})",
                "Install the package again, or make weights with `kling train previz`.",
            )
        ) from error
    return model, vae, codec, about


def _in_eight_bits(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices and kernels as int8 with a scale for each output, so that git need not keep megabytes; the rounding is
    below a hundredth of what a weight varies by. Vectors as they are, in half precision."""
    packed = {}
    for name, value in tensors.items():
        if value.dim() < 2:
            packed[name] = value.half()
            continue
        scale = value.flatten(1).abs().amax(1).clamp(min=1e-8) / 127
        shaped = scale.view(-1, *[1] * (value.dim() - 1))
        packed[name], packed[name + _SCALE] = (value / shaped).round().to(torch.int8), scale
    return packed


def _in_full(packed: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of `_in_eight_bits`, in float32; other tensors as they are."""
    tensors = {}
    for name, value in packed.items():
        if not name.endswith(_SCALE):
            scale = packed.get(name + _SCALE)
            value = value.float()
            tensors[name] = value if scale is None else value * scale.view(-1, *[1] * (value.dim() - 1))
    return tensors
