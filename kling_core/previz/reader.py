"""The stage's own reader: from film frames and the plan's boxes to what a puppet looks like.

It is the instrument that identity is measured with on puppets. It knows the plan (where somebody should be, how turned,
by what light) and the pictures, and nothing of how they were made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from kling_core.atomic import replacing
from kling_core.errors import KlingError, Problem
from kling_core.previz.attributes import ATTRIBUTES, Names
from kling_core.previz.sightings import Sighting, spread

SHIPPED = Path(__file__).parent / "weights" / "reader.safetensors"
MOST_FRAMES = 6
HINTS = 6
_WIDTH = 96
_SHARP = 60  # pixels of a head's height: the crops hold no more
_GREY = 128
_HOURS = ("day", "sunset", "night")


@dataclass(frozen=True)
class Crop:
    """A kind of crop. box: the plan's box that it is around; span: its height in that of the box; rows, columns: in
    pixels; channels: of the stages of the network that looks at it."""

    box: str
    span: float
    rows: int
    columns: int
    channels: tuple[int, ...]


CROPS = {
    "head": Crop("head", 1.9, 48, 48, (16, 32, 48, 64)),
    "face": Crop("head", 0.95, 48, 48, (16, 32, 48, 64)),
    "body": Crop("body", 1.15, 64, 48, (16, 24, 40, 56)),
}


@dataclass(frozen=True)
class Reading:
    """What was read of one person: mean log-probabilities of every name of ATTRIBUTES, by attribute, over the frames
    that can show it (attributes that none can show are missing); and how many frames were looked at."""

    log_probabilities: dict[str, np.ndarray]
    frames: int

    def names(self) -> dict[str, str]:
        """The likeliest name of every attribute."""
        return {name: ATTRIBUTES[name][int(row.argmax())] for name, row in self.log_probabilities.items()}

    def likelihood(self, names: Names, among: Sequence[str]) -> float:
        """Log-likelihood of the reading, up to a constant, if it is of somebody called by `names`; only the attributes
        `among` those read count. Bayes' theorem, every name of an attribute being as common as every other: whoever may
        be called by two names (a colour on the border, hair under a hat) is as likely as the mean of both, not twice as
        likely as others."""
        return float(sum(
            np.logaddexp.reduce([
                self.log_probabilities[attribute][ATTRIBUTES[attribute].index(name)] for name in names[attribute]
            ]) - np.log(len(names[attribute]))
            for attribute in among
        ))  # fmt: skip


class Reader:
    """A trained `ReaderNet`, and the weights file's own account of itself in `about`."""

    def __init__(self, net: "ReaderNet", about: dict):
        self.net, self.about = net.eval().requires_grad_(False), about

    @classmethod
    def load(cls, path: Path | None = None) -> "Reader":
        """The reader that ships, or one that `kling train reader` made. Raises KlingError without a fit file."""
        path = Path(path or SHIPPED)
        try:
            with safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["about"])
                tensors = {key: file.get_tensor(key).float() for key in file.keys()}
            net = ReaderNet()
            net.load_state_dict(tensors)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            what = f"{path.name} is missing or of another version ({type(error).__name__})"
            remedy = "Install the package again, or make weights with `kling train reader`."
            raise KlingError(Problem("the stage's reader", what, remedy)) from error
        return cls(net, about)

    def save(self, path: Path) -> None:
        """Write atomically, in half precision."""
        tensors = {key: value.half().contiguous() for key, value in self.net.state_dict().items()}
        with replacing(path) as draft:
            save_file(tensors, draft, {"about": json.dumps(self.about)})

    @torch.inference_mode()
    def read(self, frames: Sequence[np.ndarray], seen: list[Sighting]) -> Reading:
        """Read a person in at most MOST_FRAMES of the frames in which the plan has them in view, evenly spread.

        frames: uint8 [H, W, 3] by number of the film's frame.
        """
        seen = spread(seen, MOST_FRAMES)
        if not seen:
            return Reading({}, 0)
        crops = [cut(frames[sighting.frame], sighting) for sighting in seen]
        height = frames[seen[0].frame].shape[0]
        given = torch.stack([hints(sighting, height) for sighting in seen])
        output = self.net({name: torch.stack([each[name] for each in crops]) for name in CROPS}, given)
        read = {}
        for name, rows in output.items():
            showing = [row for row, sighting in zip(rows.numpy(), seen) if name in sighting.shown]
            if showing:
                read[name] = np.mean(showing, 0)
        return Reading(read, len(seen))


def cut(frame: np.ndarray, sighting: Sighting) -> dict[str, Tensor]:
    """The CROPS of a person, uint8 [3, rows, columns] by name; grey beyond the picture."""
    picture = torch.from_numpy(np.ascontiguousarray(frame))
    return {name: _cut(picture, getattr(sighting, crop.box), crop) for name, crop in CROPS.items()}


def hints(sighting: Sighting, height: int) -> Tensor:
    """What the plan tells the reader: [HINTS] sine and cosine of the facing, log of the head's height in pixels (as far
    as crops show the difference), and the hour as one of three."""
    pixels = float(np.clip((sighting.head[3] - sighting.head[1]) * height, 1, _SHARP))
    hour = [float(sighting.time_of_day == each) for each in _HOURS]
    return torch.tensor([np.sin(sighting.facing), np.cos(sighting.facing), np.log(pixels / _SHARP), *hour]).float()


def _cut(picture: Tensor, box: tuple[float, float, float, float], crop: Crop) -> Tensor:
    """The crop around a box of `picture` [H, W, 3], resampled with antialiasing."""
    height, width = picture.shape[:2]
    size, span = (crop.rows, crop.columns), crop.span
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    tall = max((box[3] - box[1]) * height, (box[2] - box[0]) * width * size[0] / size[1]) * span
    wide = tall * size[1] / size[0]
    top, bottom = _whole(y, tall)
    left, right = _whole(x, wide)
    inside = picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)].permute(2, 0, 1).float()
    if inside.numel():
        scale = size[0] / (bottom - top), size[1] / (right - left)
        fitted = [max(1, round(inside.shape[1] * scale[0])), max(1, round(inside.shape[2] * scale[1]))]
        inside = F.interpolate(inside[None], fitted, mode="bilinear", antialias=True, align_corners=False)[0]
        at = round(max(-top, 0) * scale[0]), round(max(-left, 0) * scale[1])
    else:
        at = 0, 0
    result = torch.full((3, *size), float(_GREY))
    room = result[:, at[0] : at[0] + inside.shape[1], at[1] : at[1] + inside.shape[2]]
    room.copy_(inside[:, : room.shape[1], : room.shape[2]])
    return result.round().clamp(0, 255).to(torch.uint8)


def _whole(middle: float, length: float) -> tuple[int, int]:
    """Whole pixels around `middle`: at least one, and not so many that a wild box could fill the memory."""
    first = round(middle - length / 2)
    return first, first + int(np.clip(round(length), 1, 1 << 14))


class ReaderNet(nn.Module):
    """A small convolutional network for every kind of crop, and a linear layer for every attribute.

    crops: [N, 3, rows, columns] in 0..255 by name of CROPS. given: [N, HINTS]. Returns log-probabilities [N, names] by
    attribute.
    """

    def __init__(self):
        super().__init__()
        self.trunks = nn.ModuleDict({name: _trunk(crop.channels) for name, crop in CROPS.items()})
        features = sum(4 * crop.channels[-1] for crop in CROPS.values()) + HINTS
        self.mix = nn.Sequential(nn.Linear(features, _WIDTH), nn.ReLU(inplace=True))
        self.out = nn.Linear(_WIDTH + features, sum(map(len, ATTRIBUTES.values())))

    def forward(self, crops: dict[str, Tensor], given: Tensor) -> dict[str, Tensor]:
        pooled = [_pooled(trunk(crops[name].float() / 127.5 - 1)) for name, trunk in self.trunks.items()]
        features = torch.cat([*pooled, given], 1)
        logits = self.out(torch.cat([self.mix(features), features], 1))
        parts = logits.split([len(names) for names in ATTRIBUTES.values()], 1)
        return {name: part.log_softmax(1) for name, part in zip(ATTRIBUTES, parts)}


def _pooled(features: Tensor) -> Tensor:
    """Means of three thirds of the rows (hair, face, chin; chest, waist, legs) and the maximum of all. [N, 4 C]"""
    return torch.cat([F.adaptive_avg_pool2d(features, (3, 1)).flatten(1), features.amax((2, 3))], 1)


def _trunk(channels: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for stage, width in enumerate(channels):
        layers += _layer(before, width, stride=2)
        if stage:
            layers += _layer(width, width, stride=1)
        before = width
    return nn.Sequential(*layers)


def _layer(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
