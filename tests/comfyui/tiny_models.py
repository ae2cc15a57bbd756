"""Models of the large families' true classes, with a few thousand random weights. They prove wiring, and nothing about
pictures: everything around them (loaders, samplers, model options) is ComfyUI's own."""

from __future__ import annotations

import copy
import functools
import json
import zlib
from typing import Any
from unittest import mock

import torch

WAN = {"dim": 24, "ffn_dim": 32, "freq_dim": 16, "num_heads": 2, "num_layers": 3, "text_dim": 8, "out_dim": 16}

LTX = {
    "num_attention_heads": 2, "attention_head_dim": 12, "audio_num_attention_heads": 2, "audio_attention_head_dim": 8,
    "cross_attention_dim": 24, "audio_cross_attention_dim": 16, "caption_channels": 8, "num_layers": 2,
    "connector_attention_head_dim": 4, "connector_num_attention_heads": 2, "connector_num_layers": 1,
    "rope_type": "split", "use_middle_indices_grid": True,
}  # fmt: skip
LTX_2_3 = LTX | {
    "cross_attention_adaln": True, "apply_gated_attention": True, "connector_apply_gated_attention": True,
    "caption_proj_before_connector": True, "caption_projection_first_linear": False,
    "connector_attention_head_dim": 12, "audio_connector_attention_head_dim": 8,
}  # fmt: skip
LTX_2_5 = LTX_2_3 | {"use_keyframes_abs_pos_embedding": True, "ff_bias": False}
_LTX_CODEC = {
    "audio_vae": {"model": {"params": {"sampling_rate": 16000, "ddconfig": {
        "double_z": True, "mel_bins": 64, "z_channels": 8, "resolution": 256, "downsample_time": False,
        "in_channels": 2, "out_ch": 2, "ch": 8, "ch_mult": [1, 1, 1], "num_res_blocks": 1, "attn_resolutions": [],
        "dropout": 0.0, "mid_block_add_attention": False, "norm_type": "pixel", "causality_axis": "height",
    }}}},
    "vocoder": {
        "upsample_rates": [6, 5, 2, 2, 2], "upsample_initial_channel": 32, "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1, 3, 5]], "stereo": True, "resblock": "1",
    },
}  # fmt: skip
_LTX_VIDEO = {
    "dims": 3, "latent_channels": 128, "norm_layer": "pixel_norm", "patch_size": 4, "latent_log_var": "uniform",
    "encoder_base_channels": 8, "decoder_base_channels": 8, "causal_decoder": False, "timestep_conditioning": False,
    "spatial_padding_mode": "reflect",
    "encoder_blocks": [["compress_all", {}]] * 3 + [["res_x", {"num_layers": 1}]],
    "decoder_blocks": [["compress_all", {"multiplier": 2}]] * 3 + [["res_x", {"num_layers": 1}]],
}  # fmt: skip


File = tuple[dict[str, torch.Tensor], dict[str, str]]
"""Weights and metadata of a model's file."""


def model_of(file: File, **options: Any):
    """The MODEL that ComfyUI's loader makes of a file. options: what loader nodes tell it, such as the dtype."""
    import comfy.sd

    weights, metadata = file
    return comfy.sd.load_diffusion_model_state_dict(weights, options, metadata=metadata)


def wan(seed: int = 0, pictures: bool = False):
    """A MODEL of Wan text-to-video, or with `pictures` of Wan 2.2 image-to-video."""
    return model_of(wan_file(seed, pictures))


def wan_file(seed: int = 0, pictures: bool = False, **sizes: int) -> File:
    return _wan_file(seed, "WanModel", {"in_dim": 36 if pictures else 16, "model_type": "t2v"} | sizes)


# What else Wan's files hold, by kind: their class, and the sizes by which ComfyUI knows them.
WAN_KINDS = {
    "5b": ("WanModel", {"in_dim": 48, "out_dim": 48, "model_type": "t2v"}),
    "camera 2.1": ("CameraWanModel", {"in_dim": 32, "model_type": "camera"}),
    "camera 2.2": ("CameraWanModel", {"in_dim": 36, "model_type": "camera_2.2"}),
    "control 2.1": ("WanModel", {"in_dim": 48, "model_type": "i2v"}),
    "control 2.2": ("WanModel", {"in_dim": 52, "model_type": "t2v", "in_dim_ref_conv": 16}),
    "vace": ("VaceWanModel", {"in_dim": 16, "model_type": "vace", "vace_layers": 3, "vace_in_dim": 96}),
}  # fmt: skip


def wan_of(kind: str, seed: int = 0):
    """A MODEL of one of WAN_KINDS."""
    return model_of(_wan_file(seed, *WAN_KINDS[kind]))


def _wan_file(seed: int, network: str, sizes: dict) -> File:
    import comfy.ldm.wan.model
    import comfy.ops

    config = WAN | sizes
    net = getattr(comfy.ldm.wan.model, network)(**config, operations=comfy.ops.disable_weight_init)
    return random_weights(net, seed), {"config": json.dumps({"transformer": config | {"image_model": "wan2.1"}})}


def ltx(seed: int = 0, config: dict = LTX):
    """A MODEL of LTX-2 with sound, or by its config of one of those after it."""
    return model_of(ltx_file(seed, config))


def ltx_file(seed: int = 0, config: dict = LTX) -> File:
    import comfy.ldm.lightricks.av_model
    import comfy.ops

    net = comfy.ldm.lightricks.av_model.LTXAVModel(**config, operations=comfy.ops.disable_weight_init)
    return random_weights(net, seed), {"config": json.dumps({"transformer": config | {"image_model": "ltxav"}})}


def ltx_audio_vae(seed: int = 0):
    """LTX's codec of sound: 25 latents a second, two sides of 24 kHz."""
    import comfy.ldm.lightricks.vae.audio_vae
    import comfy.sd

    metadata = {"config": json.dumps(_LTX_CODEC)}
    net = comfy.ldm.lightricks.vae.audio_vae.AudioVAE(metadata)
    return comfy.sd.VAE(sd=random_weights(net, seed), metadata=metadata)


def ltx_video_vae(seed: int = 0):
    import comfy.ldm.lightricks.vae.causal_video_autoencoder
    import comfy.sd

    net = comfy.ldm.lightricks.vae.causal_video_autoencoder.VideoVAE(config=_LTX_VIDEO)
    return comfy.sd.VAE(sd=random_weights(net, seed), metadata={"config": json.dumps({"vae": _LTX_VIDEO})})


def wan_vae(seed: int = 0):
    """A VAE of Wan 2.1's pictures."""
    import comfy.ldm.wan.vae as module

    return _loaded_vae(module.WanVAE(dim=4, z_dim=16, temperal_downsample=[False, True, True]), seed)


def wan_2_2_vae(seed: int = 0):
    """A VAE of the pictures of Wan 2.2's 5B model: its true class, whose sizes are written into it, made small."""
    import comfy.ldm.wan.vae2_2 as module

    made = module.WanVAE

    def network(z_dim: int, temperal_downsample: list[bool], **sizes):
        return made(dim=4, dec_dim=4, z_dim=z_dim, temperal_downsample=temperal_downsample)

    with mock.patch.object(module, "WanVAE", network):
        return _loaded_vae(network(48, [False, True, True]), seed)


def random_weights(net: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Weights that let every part of a net be felt in its output."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5
        if tensor.dim() > 1 else 1 + torch.randn(tensor.shape, generator=generator) * 0.1
        for name, tensor in net.state_dict().items()
    }  # fmt: skip


# Text of another width than the stream, or the model would take it for refined already.
H3 = {
    "hidden_size": 8, "num_layers": 3, "token_refiner_num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 6,
    "ffn_hidden_size": 8, "latents_dim": 24, "audio_latents_dim": 32, "text_dim": 12, "timestep_input_dim": 8,
    "time_embed_hidden_size": 8, "time_embed_dim": 8, "rope_inv_freq_len": 1,
}  # fmt: skip


def minimax_h3(seed: int = 0):
    """A MODEL of MiniMax H3. Its shapes are all that the loader asks for."""
    return model_of(minimax_h3_file(seed))


def minimax_h3_file(seed: int = 0) -> File:
    import comfy.ldm.minimax.model
    import comfy.ops

    net = comfy.ldm.minimax.model.MiniMaxH3Model(**H3, operations=comfy.ops.disable_weight_init)
    return random_weights(net, seed) | {"rope.inv_freq": torch.ones(1)}, {}


class WordCLIP:
    """A CLIP whose tokens are words, numbered by their hashes, and whose states are the words' own random vectors.

    The real ones need the tokenizer and gigabytes of weights of their family; how ComfyUI asks them is the same. Texts
    are filled up with padding to `least` tokens, as umT5 does.
    """

    def __init__(self, width: int, least: int = 0):
        self.width, self.least = width, least

    def tokenize(self, text: str, **how):
        words = text.split() + ["</s>"]
        words += ["<pad>"] * (self.least - len(words))
        return {"words": [[(zlib.crc32(word.encode()), 1.0) for word in words]]}

    def encode_from_tokens_scheduled(self, tokens, **how):
        states = [self.state(number) for number, _ in tokens["words"][0]]
        return [[torch.stack(states)[None], {"pooled_output": None}]]

    def state(self, number: int) -> torch.Tensor:
        return torch.randn(self.width, generator=torch.Generator().manual_seed(number))


class QwenCLIP:
    """A CLIP of MiniMax H3 with its true tokenizer, whose states are random vectors: one for each token, and for the
    vision tokens of pictures, one for each brightness of 32 x 32 pixels."""

    def __init__(self, width: int):
        self.width, self.tokenizer, self.encodings = width, _h3_tokenizer(), 0

    def clone(self):
        return copy.copy(self)

    def tokenize(self, text: str, **how):
        return self.tokenizer.tokenize_with_weights(text, **how)

    def encode_from_tokens_scheduled(self, tokens, **how):
        from comfy.text_encoders.minimax import token_tags_from_embeds_info

        self.encodings += 1
        states, pictures = [], []
        for token, _ in tokens["qwen3vl_32b"][0]:
            if isinstance(token, dict):
                numbers = self._seen(token["data"])
                pictures.append({"type": "image", "index": len(states), "size": len(numbers)})
            else:
                numbers = [token]
            states += [self._state(number) for number in numbers]
        told = {"pooled_output": None, "minimax_token_tags": token_tags_from_embeds_info(len(states), pictures)}
        return [[torch.stack(states)[None], told]]

    def _seen(self, frames) -> list[int]:
        grey = frames.mean((0, 3)).unflatten(0, (-1, 32)).unflatten(2, (-1, 32)).mean((1, 3))
        return [200_000 + round(1000 * float(value)) for value in grey.flatten()]

    def _state(self, number: int) -> torch.Tensor:
        return torch.randn(self.width, generator=torch.Generator().manual_seed(number))


@functools.cache
def _h3_tokenizer():
    from comfy.text_encoders.minimax import MiniMaxH3Tokenizer

    return MiniMaxH3Tokenizer()


class SoundVAE:
    """A VAE that has each of 32 channels of 40 latents a second be the loudness of a 32nd of its 800 samples."""

    latent_channels, audio_sample_rate = 32, 32000

    def encode(self, sound):
        stereo = sound.movedim(-1, 1)
        whole = torch.nn.functional.pad(stereo, (0, -stereo.shape[2] % 800))
        return whole.unflatten(2, (-1, 32, 25)).abs().mean(4).permute(0, 3, 1, 2)

    def decode(self, latents):
        return latents.permute(0, 2, 3, 1).flatten(2).repeat_interleave(25, 2).movedim(1, -1).clamp(-1, 1)


class LtxCLIP(WordCLIP):
    """The same with Gemma's and LTX's ways: padding before the words, left out of the states, which connectors have
    still to go through."""

    def __init__(self, width: int):
        super().__init__(width)

    def tokenize(self, text: str, **how):
        words = [2, *(zlib.crc32(word.encode()) for word in text.split())]
        return {"gemma": [[(word, 1.0) for word in [0] * (1024 - len(words)) + words]]}

    def encode_from_tokens_scheduled(self, tokens, **how):
        states = [self.state(number) for number, _ in tokens["gemma"][0] if number]
        return [[torch.stack(states)[None], {"pooled_output": None, "unprocessed_ltxav_embeds": True}]]


class BlockVAE:
    """A VAE that has each latent channel be the mean of a block of pixels; the video autoencoders' classes are made for
    one size only, and what they draw plays no part here."""

    def __init__(self, channels: int, stride: int, lattice):
        self.latent_channels, self.stride, self.lattice = channels, stride, lattice
        self.downscale_index_formula = (lattice.step, stride, stride)

    def spacial_compression_encode(self):
        return self.stride

    def encode(self, pixels):
        frames, height, width, _ = pixels.shape
        starts = self.lattice.starts(self.lattice.latents(frames))[:-1]
        grey = pixels[starts].mean(-1)
        rows = grey.unflatten(1, (height // self.stride, -1)).unflatten(3, (width // self.stride, -1)).mean((2, 4))
        scales = torch.linspace(-1, 1, self.latent_channels)
        return (scales[:, None, None, None] * rows)[None]

    def decode(self, latents):
        count = latents.shape[2]
        starts = self.lattice.starts(count)
        lengths = torch.tensor([stop - start for start, stop in zip(starts, starts[1:])])
        grey = latents[0].mean(0).repeat_interleave(lengths, 0)
        grey = grey.repeat_interleave(self.stride, 1).repeat_interleave(self.stride, 2)
        return ((grey + 1) / 2).clamp(0, 1)[None, ..., None].expand(-1, -1, -1, -1, 3)


def minimax_h3_vae(seed: int = 0):
    """A VAE of MiniMax H3's pictures: its true class, whose sizes are written into it, made with small parts."""
    import comfy.ldm.minimax.vae as module

    decoder = functools.partial(module.ViT3DDecoder, num_layers=2, heads=2, dim_head=16)
    network = functools.partial(module.MiniMaxH3VideoVAE, ch=32, ch_mult=(1,) * 6, num_res_blocks=1)
    with mock.patch.object(module, "ViT3DDecoder", decoder), mock.patch.object(module, "MiniMaxH3VideoVAE", network):
        return _loaded_vae(network(), seed)


def minimax_h3_audio_vae(seed: int = 0):
    """A VAE of MiniMax H3's sound, likewise."""
    import comfy.ldm.minimax.audio_vae as module

    network = functools.partial(module.MiniMaxH3AudioVAE, encoder_dim=2, latent_dim=64, decoder_dim=128)
    with mock.patch.object(module, "MiniMaxH3AudioVAE", network):
        return _loaded_vae(network(), seed)


def _loaded_vae(network: torch.nn.Module, seed: int):
    import comfy.sd

    return comfy.sd.VAE(sd=network.state_dict() | random_weights(network, seed))
