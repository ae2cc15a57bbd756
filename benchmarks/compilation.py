"""What compiling the embedded model would cost and save: seconds to sample the demo scene, first film and second.

    python benchmarks/compilation.py [--device auto] [--seed N] [--out FILE.json]

Both ways sample the same scene and seed with the defaults, eager first; compiled is `torch.compile` of the transformer.
The first film pays for the compiling, the second is what every later one of that length takes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from results import describe_machine, publish


def measure(device: str, seed: int) -> dict:
    from kling_core.demo import demo_cast, demo_scene
    from kling_core.plan.resolve import plan as resolve
    from kling_core.previz.backbone import Previz
    from kling_core.sound.speech import speak

    cast, seconds, films = demo_cast(), {}, {}
    for way in ("eager", "compiled"):
        backbone = Previz.load(device=device)
        plan = resolve(demo_scene(), cast, backbone.grid, backbone.limits, seed=seed)
        conditioning = backbone.condition(plan, cast, speak(plan, cast))
        if way == "compiled":
            backbone.model.compile()
        seconds[way] = []
        for _ in range(2):
            started = time.perf_counter()
            films[way] = backbone.sample(conditioning, seed=seed)
            seconds[way].append(round(time.perf_counter() - started, 2))
    difference = (films["eager"].video - films["compiled"].video).abs().max().item()
    return {
        "machine": describe_machine(), "device": str(backbone.device), "seed": seed, "seconds": seconds,
        "largest difference": difference,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    publish(measure(arguments.device, arguments.seed), arguments.out)


if __name__ == "__main__":
    main()
