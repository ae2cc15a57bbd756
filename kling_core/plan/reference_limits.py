"""What a model family takes of references, and how many tokens they and a film make. Data and arithmetic only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from kling_core.plan.grid import H3_LATTICE, LTX_LATTICE, WAN_LATTICE, Lattice

SizeRule = Literal["area", "short edge", "frame"]


@dataclass(frozen=True)
class ReferenceLimits:
    """images, videos, sounds, files: at most so many, soundtracks of videos counted among the sounds but not among the
    files. video_seconds, sound_seconds: in all. each_video, each_sound: least and most of one. sound_alone: whether
    sounds may come without any picture or video.

    size_rule: how large a picture is encoded, never enlarged: at the pixel "area" of the scene's own picture, at a
    "short edge" of `short_edge` pixels, or in exactly the scene's "frame". stride: pixels a token side, of which sizes
    are multiples. picture_rows: tokens for a stride x stride square of a picture. sound_rate, sound_rows: audio
    latents a second, 0 for films without sound, and tokens each. lattice, fps: of videos. vision_seconds: for every so
    many seconds of a video the text encoder sees one picture of it, 0 if it sees none.
    """

    family: str
    images: int = 0
    videos: int = 0
    sounds: int = 0
    files: int = 0
    video_seconds: float = 0.0
    sound_seconds: float = 0.0
    each_video: tuple[float, float] = (2.0, 15.0)
    each_sound: tuple[float, float] = (2.0, 15.0)
    sound_alone: bool = True
    size_rule: SizeRule = "area"
    short_edge: int = 0
    stride: int = 32
    picture_rows: int = 1
    sound_rate: float = 25.0
    sound_rows: int = 1
    lattice: Lattice = LTX_LATTICE
    fps: float = 24.0
    vision_seconds: float = 0.0

    def picture_size(self, width: float, height: float, frame: tuple[int, int]) -> tuple[int, int]:
        """Width and height in which a picture of that size is encoded beside scenes of size `frame`."""
        if self.size_rule == "frame":
            return frame
        scale = math.sqrt(frame[0] * frame[1] / (width * height))
        if self.size_rule == "short edge":
            scale = self.short_edge / min(width, height)
        scale = min(scale, 1.0)
        across, down = (max(self.stride, round(side * scale / self.stride) * self.stride) for side in (width, height))
        return across, down

    def picture_tokens(self, size: tuple[int, int]) -> int:
        return self.picture_rows * self._squares(size)

    def sound_tokens(self, seconds: float) -> int:
        return math.ceil(seconds * self.sound_rate - 1e-6) * self.sound_rows

    def video_tokens(self, size: tuple[int, int], frames: int) -> int:
        seen = math.ceil(frames / self.fps / self.vision_seconds - 1e-6) if self.vision_seconds else 0
        return self.film_tokens(size, frames) + seen * self._squares(size)

    def film_tokens(self, size: tuple[int, int], frames: int) -> int:
        """Of a film of so many frames, or as many more as its encoder needs."""
        return self.lattice.latents(self.lattice.covering(frames)) * self._squares(size)

    def video_frames(self, seconds: float) -> int:
        """The most frames within `seconds` that the model's encoder takes."""
        return self.lattice.fitting(int(seconds * self.fps + 1e-6))

    def film_sound_tokens(self, frames: int, fps: float) -> int:
        """Of the sound of a film of so many frames, or as many more as its encoder needs."""
        return round(self.lattice.covering(frames) / fps * self.sound_rate) * self.sound_rows

    @property
    def shortest_video(self) -> float:
        """Seconds of the shortest clip that is long enough and is a whole number of periods."""
        frames = math.ceil(self.each_video[0] * self.fps - 1e-6)
        return self.lattice.covering(frames) / self.fps

    @property
    def most_sounds(self) -> int:
        """How many sounds may be as long as the shortest clip, or the shortest sound, that is taken."""
        each = max(self.each_sound[0], self.shortest_video if self.videos else 0.0)
        return min(self.sounds, int(self.sound_seconds / each + 1e-6))

    def _squares(self, size: tuple[int, int]) -> int:
        return size[0] // self.stride * (size[1] // self.stride)


H3 = ReferenceLimits(
    family="MiniMax H3", images=9, videos=3, sounds=3, files=12, video_seconds=15.0, sound_seconds=15.0,
    sound_alone=False, picture_rows=2, sound_rate=40.0, sound_rows=2, lattice=H3_LATTICE, vision_seconds=1.0,
)
"""The limits that its makers give for Ref2VA. A picture is counted twice, as rows of the transformer and as tokens that
Qwen sees; two frames a second of a video go to Qwen in pairs, a pair at the price of one frame (ComfyUI's
nodes_minimax_h3.py and text_encoders/minimax.py). Labels such as "<Picture 1>" come on top, some ten tokens a file."""

LTX_VOICE = ReferenceLimits(family="LTX with ID-LoRA", sounds=1, files=1, sound_seconds=5.0, each_sound=(2.0, 5.0))
LTX_SUBJECTS = ReferenceLimits(family="LTX with the MSR LoRA", images=4, files=4, size_rule="frame")
LTX = ReferenceLimits(family="LTX without a reference LoRA")
"""Its guides are frames of the film itself, no references."""

WAN_PHANTOM = ReferenceLimits(
    family="Wan Phantom", images=4, files=4, size_rule="frame", stride=16, sound_rate=0.0, lattice=WAN_LATTICE, fps=16.0
)
WAN = ReferenceLimits(family="Wan text to video", stride=16, sound_rate=0.0, lattice=WAN_LATTICE, fps=16.0)
