"""Starts ComfyUI's main.py: `python start_comfyui.py CHECKOUT [arguments of main.py]`.

A torchvision from PyPI does not import beside a CPU-only torch, because its operators are missing. ComfyUI needs the
import but, for our workflows, none of the operators: declaring them is enough.
"""

import os
import runpy
import sys

import torch

MISSING = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def declare_torchvision_operators() -> None:
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for schema in MISSING:
            library.define(schema)
        globals()["_kept_alive"] = library


if __name__ == "__main__":
    checkout = os.path.abspath(sys.argv[1])
    declare_torchvision_operators()
    sys.argv = [os.path.join(checkout, "main.py"), *sys.argv[2:]]
    sys.path[0] = checkout
    os.chdir(checkout)
    runpy.run_path(sys.argv[0], run_name="__main__")
