"""A backbone's lattice of time and space, and the one place where time is rounded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Adjustment:
    """A time that had to move to fit the grid: what it was, what it became, in seconds."""

    where: str
    wanted: float
    got: float

    def __str__(self) -> str:
        return f"{self.where}: {self.wanted:.2f} s moved to {self.got:.2f} s ({self.got - self.wanted:+.2f} s)"


@dataclass(frozen=True)
class Lattice:
    """How a video codec packs frames into latents.

    lead: frames of each of the film's first latents. period: frames of each latent after them, again and again. tail:
    how many latents of one more period a film ends with. Cuts are legal at the end of the lead and of every period, so
    that no latent mixes two shots.

        embedded    period (4,)                     cuts at 4k      films of 4k frames
        Wan         period (4,), lead (1,)          4k + 1          4k + 1
        LTX         period (8,), lead (1,)          8k + 1          8k + 1
        MiniMax H3  period (1, 4, 4, 4, 4), tail 2  17k             17k + 5
    """

    period: tuple[int, ...]
    lead: tuple[int, ...] = ()
    tail: int = 0

    @property
    def step(self) -> int:
        """Frames from one legal cut to the next."""
        return sum(self.period)

    def cut(self, periods: int) -> int:
        """The legal cut after so many periods, as a frame number."""
        return sum(self.lead) + periods * self.step

    def end(self, periods: int) -> int:
        """The frames of a film whose last cut could be after so many periods."""
        return self.cut(periods) + sum(self.period[: self.tail])

    def fitting(self, frames: int) -> int:
        """The length of the longest film of at most so many frames; 0 where none is as short."""
        return 0 if frames < self.end(0) else self.end((frames - self.end(0)) // self.step)

    def covering(self, frames: int) -> int:
        """The length of the shortest film of at least so many frames."""
        return self.fitting(max(frames, self.end(0)) + self.step - 1)

    def latents(self, frames: int) -> int:
        """How many latents begin before frame `frames`. For a legal cut or end: those of the film up to there."""
        if frames <= sum(self.lead):
            return _begun(self.lead, frames)
        periods, rest = divmod(frames - sum(self.lead), self.step)
        return len(self.lead) + periods * len(self.period) + _begun(self.period, rest)

    def starts(self, latents: int) -> list[int]:
        """The first frame of each of a film's first `latents` latents, and the frame after the last of them."""
        periods = -(-latents // len(self.period))
        return [0, *accumulate((*self.lead, *self.period * periods))][: latents + 1]


WAN_LATTICE = Lattice((4,), lead=(1,))
LTX_LATTICE = Lattice((8,), lead=(1,))
H3_LATTICE = Lattice((1, 4, 4, 4, 4), tail=2)


def _begun(lengths: tuple[int, ...], frames: int) -> int:
    return sum(start < frames for start in accumulate(lengths, initial=0)) if frames < sum(lengths) else len(lengths)


@dataclass(frozen=True)
class Grid:
    """Time and space lattice of a backbone.

    spatial_stride: pixels a token side. sizes: width and height in pixels by aspect. audio_rate: in samples a second.
    audio_token_rate: audio tokens a second in each of `sound_tracks` tracks. reference_tokens: what the references of
    one element take, where that is always the same.
    """

    fps: int
    lattice: Lattice
    spatial_stride: int
    sizes: dict[str, tuple[int, int]]
    audio_rate: int
    audio_token_rate: float = 0.0
    sound_tracks: int = 1
    reference_tokens: int = 0

    @property
    def frames_per_latent(self) -> int:
        """Of the longest latent."""
        return max(self.lattice.period)

    @property
    def latent_seconds(self) -> float:
        return self.frames_per_latent / self.fps

    @property
    def cut_seconds(self) -> float:
        """From one legal cut to the next."""
        return self.lattice.step / self.fps

    def snap_cuts(self, durations: list[float]) -> tuple[list[int], list[Adjustment]]:
        """Cut frames [0, …, end] for shots of `durations` seconds, each at least one period long, and what moved.

        Cuts are snapped from the running total, so that rounding never adds up over the shots.
        """
        cuts, moved, wanted, periods = [0], [], 0.0, 0
        for number, seconds in enumerate(durations, 1):
            wanted += seconds
            last = number == len(durations)
            boundary = self.lattice.end if last else self.lattice.cut
            periods = max(round((wanted * self.fps - boundary(0)) / self.lattice.step), periods + 1)
            cuts.append(boundary(periods))
            if abs(cuts[-1] / self.fps - wanted) > 1e-6:
                name = "end of the scene" if last else f"cut after shot {number}"
                moved.append(Adjustment(name, round(wanted, 6), cuts[-1] / self.fps))
        return cuts, moved

    def audio_tokens(self, frames: int) -> int:
        """Audio tokens of one track of a film of so many frames."""
        return round(frames / self.fps * self.audio_token_rate)

    def frame_at(self, seconds: float) -> int:
        """The frame shown at `seconds`. For lines and sound, which need no legal cut."""
        return round(seconds * self.fps)

    def tokens_per_latent(self, aspect: str) -> tuple[int, int]:
        """Rows and columns of video tokens in one latent."""
        width, height = self.sizes[aspect]
        return height // self.spatial_stride, width // self.spatial_stride
