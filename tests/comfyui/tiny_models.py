"""Models of the large families' true classes, with a few thousand random weights. They prove wiring, and nothing about
pictures: everything around them (loaders, samplers, model options) is ComfyUI's own."""

from __future__ import annotations

import json
import zlib

import torch

WAN = {"dim": 24, "ffn_dim": 32, "freq_dim": 16, "num_heads": 2, "num_layers": 3, "text_dim": 8, "out_dim": 16}


def wan(seed: int = 0, pictures: bool = False):
    """A MODEL of Wan text-to-video, or with `pictures` of Wan 2.2 image-to-video."""
    import comfy.ldm.wan.model
    import comfy.ops
    import comfy.sd

    config = WAN | {"in_dim": 36 if pictures else 16, "model_type": "t2v"}
    net = comfy.ldm.wan.model.WanModel(**config, operations=comfy.ops.disable_weight_init)
    metadata = {"config": json.dumps({"transformer": config | {"image_model": "wan2.1"}})}
    return comfy.sd.load_diffusion_model_state_dict(random_weights(net, seed), metadata=metadata)


def random_weights(net: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Weights that let every part of a net be felt in its output."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(tensor.shape, generator=generator) / max(1, tensor[0].numel()) ** 0.5
        if tensor.dim() > 1 else 1 + torch.randn(tensor.shape, generator=generator) * 0.1
        for name, tensor in net.state_dict().items()
    }  # fmt: skip


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


class BlockVAE:
    """A VAE that has each latent channel be the mean of a block of pixels; the video autoencoders' classes are made for
    one size only, and what they draw plays no part here."""

    def __init__(self, channels: int, stride: int, lattice):
        self.latent_channels, self.stride, self.lattice = channels, stride, lattice

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
