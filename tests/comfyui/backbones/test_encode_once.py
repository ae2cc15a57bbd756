"""What a backbone encodes once, and how much of it is kept."""

from __future__ import annotations

import importlib

import pytest
import torch
from families import PACKAGE

pytestmark = pytest.mark.usefixtures("backbones")


def module():
    return importlib.import_module(f"{PACKAGE}.encode_once")


class CountingVAE:
    latent_channels = 4

    def __init__(self):
        self.encoded = 0

    def encode(self, samples):
        self.encoded += 1
        return samples * 2


def test_a_picture_is_encoded_once_and_another_by_itself():
    vae = CountingVAE()
    once = module().EncodingOnce(vae, module().EncodeOnce())
    picture = torch.rand(1, 8, 8, 3)
    first, again, other = once.encode(picture), once.encode(picture.clone()), once.encode(picture + 1)
    assert again is first and torch.equal(other, (picture + 1) * 2)
    assert vae.encoded == 2 and once.latent_channels == 4


def test_what_was_not_asked_for_since_64_others_is_forgotten():
    once, made = module().EncodeOnce(), []

    def ask(name):
        return once(name, lambda: made.append(name) or len(made))

    ask("first"), ask("second")
    for number in range(63):
        ask("first"), ask(f"other {number}")
    ask("first")
    assert made.count("first") == 1
    ask("second")
    assert made.count("second") == 2
