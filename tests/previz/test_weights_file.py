import json

import pytest
import torch
from safetensors import safe_open

from kling_core.errors import KlingError
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.transformer import Config, PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.weights_file import load_weights, save_weights

TINY = Config(width=64, layers=1, heads=1)
HISTORY = [{"seed": 1, "machine": "a test", "steps": 3, "samples": 24}]


def saved(folder):
    torch.manual_seed(0)
    model, vae, codec = PrevizTransformer(TINY), VideoVAE(), AudioCodec()
    vae.basis.normal_()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model, vae, codec, save_weights(folder / "weights.safetensors", model, vae, codec, HISTORY)


def test_networks_come_back_as_they_were_but_for_the_rounding(tmp_path):
    model, vae, codec, path = saved(tmp_path)
    again, vae_again, codec_again, about = load_weights(path)
    assert about["history"] == HISTORY and again.config == TINY
    for before, after in zip((*model.parameters(), *vae.parameters()), (*again.parameters(), *vae_again.parameters())):
        assert before.shape == after.shape and after.dtype == torch.float32
        assert (before - after).square().mean() <= 1e-4 * before.square().mean() + 1e-12
    assert torch.equal(vae.basis, vae_again.basis) and torch.equal(codec.basis, codec_again.basis)


def test_a_weight_takes_a_byte(tmp_path):
    model, vae, _, path = saved(tmp_path)
    weights = sum(parameter.numel() for module in (model, vae.refiner) for parameter in module.parameters())
    with safe_open(path, "pt") as file:
        bases = sum(file.get_tensor(key).nbytes for key in file.keys() if key.startswith(("vae.b", "vae.m", "codec")))
    assert path.stat().st_size - bases < 1.2 * weights


def test_a_file_of_another_version_is_refused(tmp_path):
    *_, path = saved(tmp_path)
    with safe_open(path, "pt") as file:
        tensors, about = {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["about"])
    from safetensors.torch import save_file

    save_file({key: value for key, value in tensors.items() if "words" not in key}, path, {"about": json.dumps(about)})
    with pytest.raises(KlingError, match="not a weights file of this version"):
        load_weights(path)
