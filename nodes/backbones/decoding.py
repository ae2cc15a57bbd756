"""Decoding within a memory budget, for every family: pieces that the budget holds, first to last, cut where shots end.

The budget counts pictures: as decoded, in float, and as handed on, in bytes. What a VAE itself works in is ComfyUI's to
find room for, and does not grow with the film. A family only says how its VAE goes through a film (`Pieces`).
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import comfy.model_management
import numpy as np
import torch

if TYPE_CHECKING:
    from comfy.sd import VAE

    from kling_core.plan.plan import Plan

Pieces = Iterator[torch.Tensor]
"""A film's frames [t, H, W, 3] in [0, 1], first to last, a piece at a time."""

_VALUE_BYTES = 4 + 1  # of a picture, as it is decoded and as it is handed on


def room(plan: Plan, memory_budget: int | None) -> int:
    """How many of a film's frames a budget of so many bytes holds, all of them where there is none."""
    width, height = plan.size
    return plan.frames if memory_budget is None else memory_budget // (width * height * 3 * _VALUE_BYTES)


def shot_by_shot(pieces: Pieces, plan: Plan) -> Iterator[np.ndarray]:
    """Pieces of a film as uint8 [t, H, W, 3], none of which goes on beyond the end of a shot."""
    start = 0
    for piece in pieces:
        for shot in plan.shots:
            first, last = max(shot.start - start, 0), min(shot.stop - start, len(piece))
            if first < last:
                yield _bytes(piece[first:last])
        start += len(piece)
        # Or two pieces would be held while the next is decoded.
        del piece


def or_whole(pieces: Pieces, whole: Callable[[], torch.Tensor]) -> Pieces:
    """`pieces`, and where the device has no room for one of them, what is missing of `whole`: ComfyUI's own decoding
    goes on in spatial tiles then, which differ a little where they overlap, and has the whole film in float."""
    done = 0
    try:
        for piece in pieces:
            done += len(piece)
            yield piece
            del piece
        return
    except Exception as problem:
        comfy.model_management.raise_non_oom(problem)
    yield whole()[done:]


def finished(vae: VAE, frames: torch.Tensor) -> torch.Tensor:
    """What a VAE's network makes, [1, 3, t, H, W], as `VAE.decode` gives it: [t, H, W, 3] in [0, 1]. In place where
    nothing has to be moved or converted."""
    frames = frames.to(device=vae.output_device, dtype=vae.vae_output_dtype())
    return vae.process_output(frames)[0].movedim(0, -1)


def written(vae: VAE, video: torch.Tensor) -> Pieces:
    """Films of VAEs that write into a buffer of the whole film, first frame to last, as they are written. The same
    arithmetic as decoding at once. video: [1, C, T, H, W].

    The network's own loop runs in a thread that waits whenever a piece is handed on, so that one of both runs at a
    time. Nobody asking for the next piece ends it.
    """
    vae.prepare_decode(video.shape)

    def decode(hand: Callable[[torch.Tensor], None]) -> None:
        buffer = _Buffer(lambda frames: hand(finished(vae, frames)))
        with comfy.model_management.cuda_device_context(vae.device):
            vae.first_stage_model.decode(video.to(vae.device, vae.vae_dtype), output_buffer=buffer)

    yield from handed_on(decode)


class _Buffer:
    """In place of the tensor that a VAE writes a film into."""

    def __init__(self, hand: Callable[[torch.Tensor], None]):
        self._hand = hand

    def __getitem__(self, where: Any) -> _Buffer:
        return self

    def copy_(self, frames: torch.Tensor) -> None:
        self._hand(frames)


class _NotWanted(BaseException):
    """Ends a loop of which nobody wants more."""


def handed_on(loop: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """What a loop(hand) hands out, one by one, as an iterator. The loop runs in a thread of its own, and only while the
    next is asked for."""
    asked, told = SimpleQueue(), SimpleQueue()
    graded, inferring = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def hand(item: Any) -> None:
        told.put((item, None))
        del item
        if not asked.get():
            raise _NotWanted

    def run() -> None:
        end: BaseException = StopIteration()
        try:
            if asked.get():
                with torch.inference_mode(inferring), torch.set_grad_enabled(graded):
                    loop(hand)
        except BaseException as problem:
            end = problem
        told.put((None, end))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    try:
        while True:
            asked.put(True)
            item, end = told.get()
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
            yield item
            del item
    finally:
        asked.put(False)
        thread.join()


def _bytes(frames: torch.Tensor) -> np.ndarray:
    """[t, H, W, 3] in [0, 1] as uint8. Frame by frame: what rounding takes beside them is one frame."""
    found = np.empty(tuple(frames.shape), np.uint8)
    for number, frame in enumerate(frames):
        found[number] = (frame.float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    return found
