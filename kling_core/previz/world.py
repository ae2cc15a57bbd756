"""Constants of the embedded model's world, shared by its stage, its codecs, its transformer and its training."""

from __future__ import annotations

from kling_core.backbone import Limits
from kling_core.plan.grid import Grid, Lattice

PATCH = 8  # pixels a side of a video token
GRID = Grid(
    fps=12,
    lattice=Lattice((4,)),
    spatial_stride=PATCH,
    # Every aspect has 144 tokens a latent, so that all of them fit one training batch.
    sizes={"16:9": (128, 72), "9:16": (72, 128), "1:1": (96, 96)},
    audio_rate=24000,
    audio_token_rate=12.0,
    sound_tracks=2,
    reference_tokens=40,
)
LIMITS = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=4, subjects_per_shot=3)
UPSCALE = 4  # the decoder's pictures are this many times GRID.sizes
VIDEO_CHANNELS = 128
AUDIO_CHANNELS = 64
# Of previz/collage.py. The transformer is told of a collage drawn this many times as large as GRID.sizes; the refiner
# has one as large as its film.
COLLAGE_LAYERS, COLLAGE_SCALE = 14, 2
