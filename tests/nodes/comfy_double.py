"""A small double of the parts of ComfyUI that the nodes touch, so that they are tested without a ComfyUI.

It knows exactly the names and arguments that we use: a node that starts to use another one fails here first, and
tests/comfyui then says whether the real ComfyUI has it.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any

import torch


class Interrupted(Exception):
    """What ComfyUI raises in the node when the user presses Cancel."""


@dataclass
class Host:
    """The state of the pretended ComfyUI, for tests to set and to look at."""

    interrupted: bool = False
    progress: list[tuple[int, int, Any]] = field(default_factory=list)


@dataclass
class Socket:
    io_type: str
    id: str
    display_name: str | None = None
    tooltip: str | None = None


@dataclass
class InputSocket(Socket):
    optional: bool = False
    advanced: bool = False
    default: Any = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    control_after_generate: bool = False
    multiline: bool = False
    label_on: str | None = None
    label_off: str | None = None
    options: list[str] | None = None
    template: "TemplatePrefix | None" = None


@dataclass
class TemplatePrefix:
    input: InputSocket
    prefix: str
    min: int
    max: int


@dataclass
class Schema:
    node_id: str
    display_name: str
    category: str
    description: str
    search_aliases: list[str]
    inputs: list[InputSocket]
    outputs: list[Socket]
    has_intermediate_output: bool = False


class NodeOutput:
    def __init__(self, *args: Any, ui: Any = None):
        self.args, self.ui = args, ui


class ComfyNode:
    """Nodes are classes that are never instantiated."""


class ComfyExtension:
    async def on_load(self) -> None:
        pass


def _type(io_type: str) -> type:
    """A socket type with Input and Output, as `io.Custom` makes them."""

    def make_input(id: str, **arguments: Any) -> InputSocket:
        return InputSocket(io_type, id, **arguments)

    def make_output(id: str, **arguments: Any) -> Socket:
        return Socket(io_type, id, **arguments)

    return type(io_type, (), {"Input": staticmethod(make_input), "Output": staticmethod(make_output)})


@dataclass
class PreviewImage:
    image: torch.Tensor
    cls: type | None = None


class NestedTensor:
    is_nested = True

    def __init__(self, tensors):
        self.tensors = list(tensors)

    def unbind(self):
        return self.tensors


def _progress_bar(host: Host) -> type:
    class ProgressBar:
        def __init__(self, total: int):
            self.total = total

        def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
            host.progress.append((value, total, preview))

    return ProgressBar


def modules(host: Host) -> dict[str, types.ModuleType]:
    """The modules to put into sys.modules."""

    def stop_if_interrupted() -> None:
        if host.interrupted:
            raise Interrupted

    io = types.SimpleNamespace(
        ComfyNode=ComfyNode, NodeOutput=NodeOutput, Schema=Schema, Custom=_type,
        Image=_type("IMAGE"), Audio=_type("AUDIO"), Latent=_type("LATENT"), String=_type("STRING"),
        Int=_type("INT"), Float=_type("FLOAT"), Boolean=_type("BOOLEAN"), Combo=_type("COMBO"),
        Autogrow=_type("COMFY_AUTOGROW_V3"), Model=_type("MODEL"), Clip=_type("CLIP"), Vae=_type("VAE"),
        Sigmas=_type("SIGMAS"), Video=_type("VIDEO"),
    )
    io.Autogrow.TemplatePrefix = TemplatePrefix
    contents = {
        "comfy_api": {},
        "comfy_api.latest": {
            "io": io, "ui": types.SimpleNamespace(PreviewImage=PreviewImage), "ComfyExtension": ComfyExtension,
        },
        "comfy": {},
        "comfy.model_management": {
            "get_torch_device": lambda: torch.device("cpu"),
            "throw_exception_if_processing_interrupted": stop_if_interrupted,
        },
        "comfy.samplers": {"KSampler": types.SimpleNamespace(SAMPLERS=["euler"], SCHEDULERS=["simple"])},
        "comfy.nested_tensor": {"NestedTensor": NestedTensor},
        "comfy.utils": {"ProgressBar": _progress_bar(host)},
    }
    made = {name: types.ModuleType(name) for name in contents}
    for name, names in contents.items():
        vars(made[name]).update(names)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(made[parent], child, made[name])
    return made
