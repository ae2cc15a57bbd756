"""A backbone's lattice of time and space, and the one place where time is rounded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Adjustment:
    """A time that had to move to fit the grid: what it was, what it became, in seconds."""

    where: str
    wanted: float
    got: float

    def __str__(self) -> str:
        return f"{self.where}: {self.wanted:.2f} s moved to {self.got:.2f} s ({self.got - self.wanted:+.2f} s)"


@dataclass(frozen=True)
class Grid:
    """Time and space lattice of a backbone.

    A latent covers `frames_per_latent` frames; cuts are legal on latent boundaries only, so that no latent mixes two
    shots. `spatial_stride` is pixels a token side. `audio_rate` is in samples a second, `audio_tokens_per_frame` in
    audio tokens a video frame and sound track, `reference_tokens` what the references of one element take.
    """

    fps: int
    frames_per_latent: int
    spatial_stride: int
    sizes: dict[str, tuple[int, int]]
    audio_rate: int
    audio_tokens_per_frame: int = 1
    reference_tokens: int = 0

    @property
    def latent_seconds(self) -> float:
        return self.frames_per_latent / self.fps

    def snap(self, seconds: float) -> int:
        """Nearest legal cut to `seconds`, as a frame number."""
        return round(seconds / self.latent_seconds) * self.frames_per_latent

    def snap_cuts(self, durations: list[float]) -> tuple[list[int], list[Adjustment]]:
        """Cut frames [0, …, end] for shots of `durations` seconds, each shot at least one latent, and what moved.

        Cuts are snapped from the running total, so that rounding never adds up over the shots.
        """
        cuts, moved, wanted = [0], [], 0.0
        for number, seconds in enumerate(durations, 1):
            wanted += seconds
            frame = max(self.snap(wanted), cuts[-1] + self.frames_per_latent)
            cuts.append(frame)
            if abs(frame / self.fps - wanted) > 1e-6:
                name = "end of the scene" if number == len(durations) else f"cut after shot {number}"
                moved.append(Adjustment(name, round(wanted, 6), frame / self.fps))
        return cuts, moved

    def frame_at(self, seconds: float) -> int:
        """The frame shown at `seconds`. For lines and sound, which need no legal cut."""
        return round(seconds * self.fps)

    def tokens_per_latent(self, aspect: str) -> tuple[int, int]:
        """Rows and columns of video tokens in one latent."""
        width, height = self.sizes[aspect]
        return height // self.spatial_stride, width // self.spatial_stride
