"""FFmpeg's loudness meter (its filter ebur128, in PyAV), to hold our own against. Nothing in it is ours."""

from __future__ import annotations

import math

import av
import numpy as np


def measure(sound, rate):
    """Integrated loudness in LUFS and true peak in dBTP of stereo sound [2, N]."""
    graph = av.filter.Graph()
    chain = [
        graph.add(
            "abuffer", sample_rate=str(rate), sample_fmt="fltp", channel_layout="stereo", time_base=f"1/{rate}"
        ),
        graph.add("aresample", "48000"),
        graph.add("ebur128", "peak=true:metadata=1"),
        graph.add("abuffersink"),
    ]
    for here, following in zip(chain, chain[1:]):
        here.link_to(following)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    found = {}
    while True:
        try:
            found = dict(graph.pull().metadata) or found
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    peak = float(found["lavfi.r128.true_peak"])
    return float(found["lavfi.r128.I"]), 20 * math.log10(peak) if peak else -math.inf
