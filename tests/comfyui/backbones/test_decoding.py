"""Every family's own VAE, its true class made small: pieces are the film decoded at once, and the budget holds them."""

from __future__ import annotations

import gc
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, PACKAGE
from tiny_models import ltx_video_vae, minimax_h3_vae, wan_2_2_vae, wan_vae

from kling_core.elements.element import Cast
from kling_core.plan.resolve import plan as resolve
from kling_core.storyboard.script import parse_script

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

VALUE_BYTES = 5


@dataclass(frozen=True)
class Own:
    """A family with its own VAE. group: the fewest frames that the VAE makes at a time, with those that it needs beside
    them. loop: the module that is called again and again while it decodes. short_edge, seconds: of the film and its two
    shots. works_in: frames that the VAE itself keeps from one group to the next."""

    family: str
    vae: Callable[[], Any]
    group: int
    loop: Callable[[Any], torch.nn.Module]
    short_edge: int = 32
    seconds: tuple[float, float] = (1, 1.1)
    works_in: int = 0


OWN = {
    "wan 2.1": Own("wan", wan_vae, 8, lambda net: net.decoder),
    "wan 2.2": Own("wan", wan_2_2_vae, 4, lambda net: net.decoder),
    "ltx": Own("ltx-2", ltx_video_vae, 8, lambda net: net.decoder.conv_out, 64),
    "h3": Own("h3", minimax_h3_vae, 2 * 17 + 5, lambda net: net.decoder, seconds=(2, 2.1), works_in=28 + 5),
}


@pytest.fixture(params=OWN, scope="module")
def own(request):
    return OWN[request.param]


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes():
    with torch.inference_mode():
        yield


@pytest.fixture(autouse=True)
def small_portions(monkeypatch):
    """LTX's VAE goes through a film in portions of so many bytes, or these films would be one."""
    from comfy.ldm.lightricks.vae import causal_video_autoencoder

    monkeypatch.setattr(causal_video_autoencoder, "get_max_chunk_size", lambda device: 2**16)


class Film:
    """Random latents of two shots, and the VAE that they are for."""

    def __init__(self, own: Own):
        self.backbone = FAMILIES[own.family].backbone(short_edge=own.short_edge)
        self.backbone.connected = replace(self.backbone.connected, vae=own.vae())
        self.vae = self.backbone.connected.vae
        limits = replace(self.backbone.limits, seconds=(0.5, 5.0))
        one, two = own.seconds
        script = f"Shot 1 ({one}s, wide): A tree. Shot 2 ({two}s, wide): A boat."
        self.plan = resolve(parse_script(script), Cast(), self.backbone.grid, limits)
        latents = self.backbone.lattice.latents(self.plan.frames)
        width, height = (side // self.vae.downscale_index_formula[1] for side in self.plan.size)
        shape = latents, self.vae.latent_channels, height, width
        video = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        self.latents = replace(self.backbone.empty(self.plan), video=video)
        self.frame_bytes = self.plan.size[0] * self.plan.size[1] * 3 * VALUE_BYTES

    def pieces(self, budget: int | None) -> Iterator[np.ndarray]:
        return self.backbone.decode_video(self.latents, self.plan, Cast(), memory_budget=budget)

    @cached_property
    def whole(self) -> torch.Tensor:
        """[T, H, W, 3] as ComfyUI's own VAEDecode makes it."""
        return self.vae.decode(self.latents.video.transpose(0, 1)[None])[0]

    @property
    def at_once(self) -> np.ndarray:
        return (self.whole.float().clamp(0, 1) * 255).round().byte().numpy()

    def decoded(self) -> list[torch.Tensor]:
        """Pieces as they come from the VAE, [t, H, W, 3]."""
        return list(self.backbone._pieces(self.latents.video.transpose(0, 1)[None], 1))

    def state(self) -> dict[str, str]:
        """What the VAE's modules remember besides their weights, once they are loaded."""
        assert len(self.whole)
        modules = self.vae.first_stage_model.named_modules()
        return {
            f"{name}.{key}": str(value) for name, module in modules for key, value in vars(module).items()
            if not key.startswith("_")
        }  # fmt: skip

    def bytes_held(self) -> int:
        """Of all pictures in float that are alive, and were not when `gc.freeze` was called."""
        width, height = self.plan.size
        alive = [each for each in gc.get_objects() if type(each) is torch.Tensor and each.dim() in (4, 5)]
        shapes = {(3, height, width), (height, width, 3)}
        pictures = [each for each in alive if {tuple(each.shape[-3:]), (each.shape[1], *each.shape[-2:])} & shapes]
        return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in pictures}.values())


@pytest.fixture(scope="module")
def film(own, backbones):
    with torch.inference_mode():
        return Film(own)


@contextmanager
def watched(module: torch.nn.Module, what: Callable[..., None]):
    """what(module, arguments) before every call of a module."""
    handle = module.register_forward_pre_hook(what)
    try:
        yield
    finally:
        handle.remove()


def test_pieces_are_the_film_decoded_at_once(film, own):
    assert film.at_once.std() > 10 and len(film.at_once) == film.plan.frames
    for budget in (1, own.group * film.frame_bytes):
        pieces = list(film.pieces(budget))
        assert np.array_equal(np.concatenate(pieces), film.at_once)
        assert len(pieces) > len(film.plan.shots) and max(map(len, pieces)) <= own.group
        assert {shot.stop for shot in film.plan.shots} <= set(np.cumsum([len(piece) for piece in pieces]))


def test_pieces_are_the_same_arithmetic(film):
    assert torch.equal(torch.cat(film.decoded()), film.whole)


def test_what_the_budget_holds_is_decoded_at_once(film):
    pieces = list(film.pieces(film.plan.frames * film.frame_bytes))
    assert [len(piece) for piece in pieces] == [shot.frames for shot in film.plan.shots]
    assert np.array_equal(np.concatenate(pieces), film.at_once)


def test_no_more_is_held_than_the_budget(film, own):
    """Beside what was handed on, whenever a piece is handed on and whenever the VAE begins with more."""
    most, module = [], own.loop(film.vae.first_stage_model)
    budget = own.group * film.frame_bytes
    assert 2 * budget < film.whole.nbytes * VALUE_BYTES / 4
    gc.freeze()
    try:
        with watched(module, lambda *_: most.append(film.bytes_held())):
            for piece in film.pieces(budget):
                most.append(film.bytes_held() + piece.nbytes)
    finally:
        gc.unfreeze()
    assert 0 < max(most) <= budget + own.works_in * film.frame_bytes * 4 / VALUE_BYTES


def test_whoever_stops_leaves_nothing_behind(film):
    threads, before = threading.active_count(), film.state()
    with closing(film.pieces(1)) as pieces:
        next(pieces)
    assert film.state() == before and threading.active_count() == threads
    assert torch.equal(torch.cat(film.decoded()), film.whole)


def test_what_fails_within_fails_without(film, own):
    module, calls = own.loop(film.vae.first_stage_model), []

    def fail(*_):
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the VAE's own")

    before = film.state()
    with watched(module, fail), pytest.raises(OSError, match="the VAE's own"):
        list(film.pieces(1))
    assert film.state() == before


def test_a_device_without_room_for_a_piece_decodes_the_rest_as_the_host_does(film, own):
    calls = []

    def fail(*_):
        calls.append(1)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("none left")

    with watched(own.loop(film.vae.first_stage_model), fail):
        pieces = list(film.pieces(1))
    assert len(calls) > 3 and np.array_equal(np.concatenate(pieces), film.at_once)


def test_an_interrupt_at_the_node_passes_through_and_leaves_nothing_behind(film, monkeypatch):
    import comfy.model_management

    package = PACKAGE.rpartition(".")[0]
    node = importlib.import_module(f"{package}.vae_decode_3d")
    before = film.state()
    scene = Scene(film)
    monkeypatch.setattr(node.convert, "latents", lambda latent: (film.latents, scene))
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        node.VAEDecode3D.execute({}, memory_budget=0)
    assert film.state() == before


class Scene:
    def __init__(self, film: Film):
        self.backbone, self.plan, self.cast, self.speech = film.backbone, film.plan, Cast(), ()
