"""A pack for the tests' own server: files of tiny models where ComfyUI's loader looks for the large ones, and loaders
of what stands in for text encoders and autoencoders, which cannot be made small. See tiny_models.py."""

import os
import sys
from pathlib import Path

import folder_paths
from safetensors.torch import save_file

sys.path.append(os.environ["KLING_TINY_MODELS"])
import tiny_models

from kling_core.plan.grid import H3_LATTICE, WAN_LATTICE

FOLDER = Path(folder_paths.models_dir) / "diffusion_models"
FILES = {
    "minimax_h3_ref2va_pruned_int8_convrot": tiny_models.minimax_h3_file(0),
    "minimax_h3_fl2va_pruned_int8_convrot": tiny_models.minimax_h3_file(1),
    "wan2.2_t2v_high_noise_14B_fp8_scaled": tiny_models.wan_file(0),
    "wan2.2_t2v_low_noise_14B_fp8_scaled": tiny_models.wan_file(1),
    "ltx": tiny_models.ltx_file(0),
}  # fmt: skip
CLIPS = {
    "h3": lambda: tiny_models.QwenCLIP(tiny_models.H3["text_dim"]),
    "ltx": lambda: tiny_models.LtxCLIP(tiny_models.LTX["caption_channels"]),
    "wan": lambda: tiny_models.WordCLIP(tiny_models.WAN["text_dim"], least=512),
}
VAES = {
    "h3": lambda: tiny_models.BlockVAE(24, 16, H3_LATTICE),
    "h3 sound": tiny_models.SoundVAE,
    "ltx": tiny_models.ltx_video_vae,
    "ltx sound": tiny_models.ltx_audio_vae,
    "wan": lambda: tiny_models.BlockVAE(16, 8, WAN_LATTICE),
}


def loader(kind: str, makers: dict) -> type:
    return type(f"Tiny{kind}", (), {
        "INPUT_TYPES": classmethod(lambda cls: {"required": {"family": (list(makers),)}}),
        "RETURN_TYPES": (kind,), "FUNCTION": "load", "CATEGORY": "tests",
        "load": lambda self, family: (makers[family](),),
    })  # fmt: skip


FOLDER.mkdir(parents=True, exist_ok=True)
for name, (weights, metadata) in FILES.items():
    save_file({key: value.contiguous() for key, value in weights.items()}, FOLDER / f"{name}.safetensors", metadata)
NODE_CLASS_MAPPINGS = {f"Tiny{kind}": loader(kind, makers) for kind, makers in (("CLIP", CLIPS), ("VAE", VAES))}
