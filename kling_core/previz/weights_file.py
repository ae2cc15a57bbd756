"""The shipped weights: one safetensors file with transformer, codecs, and who made them how."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kling_core import __version__
from kling_core.errors import KlingError, Problem
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.transformer import Config, PrevizTransformer
from kling_core.previz.video_vae import VideoVAE

SHIPPED = Path(__file__).parent / "weights" / "previz.safetensors"


def save_weights(path: Path, model: PrevizTransformer, vae: VideoVAE, codec: AudioCodec, history: list[dict]) -> Path:
    """Write atomically, the transformer in half precision. history: one entry a training run."""
    tensors = {f"transformer.{key}": value.half() for key, value in model.state_dict().items()}
    tensors |= {f"vae.{key}": value.half() if "refiner" in key else value for key, value in vae.state_dict().items()}
    tensors |= {f"codec.{key}": value for key, value in codec.state_dict().items()}
    about = {"config": model.config.to_json(), "history": history, "code": __version__}
    temporary = path.with_suffix(".tmp")
    save_file(
        {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
        temporary,
        {"about": json.dumps(about)},
    )
    os.replace(temporary, path)
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
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}
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
