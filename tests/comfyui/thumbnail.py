"""Makes the picture that ComfyUI's template browser shows for the demo workflow, out of the film that it made:

    python tests/comfyui/thumbnail.py kling_core_demo.mp4
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from kling_core.media import read_video

PICTURE = Path(__file__).parents[2] / "workflows" / "kling_core_demo.jpg"
# Somewhere in the wide shot, the close-up, over the shoulder, and the two-shot: two rows of two have a card's shape.
SECONDS = ((2.5, 7.0), (9.0, 11.5))
SIZE, MAX_BYTES = (512, 288), 60_000


def main(film: str) -> None:
    video = read_video(film)
    rows = [np.concatenate([video.frames[round(second * video.fps)] for second in row], axis=1) for row in SECONDS]
    Image.fromarray(np.concatenate(rows)).resize(SIZE, Image.Resampling.LANCZOS).save(PICTURE, quality=88)
    assert PICTURE.stat().st_size <= MAX_BYTES, f"{PICTURE} is too large for the repository"
    print(PICTURE)


if __name__ == "__main__":
    main(*sys.argv[1:])
