"""The user's workflow in API form, and what the protocol changes in it: who, what, which seed, which routing."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.large_models.protocol import ASPECT, Family, Run, script
from kling_core.errors import KlingError, Problem, ProblemList

Nodes = dict[str, dict[str, Any]]

LOAD_ELEMENT, SAVE = "KlingCoreLoadElement", "SaveVideo"
_BIND, _SHOTS, _SAMPLER, _BACKBONE = (
    f"KlingCore{name}" for name in ("BindSubject", "ShotSequence", "VideoSampler", "Backbone")
)
_WEIGHTS = (".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class Workflow:
    """name: of its file. nodes: by id, as ComfyUI's API takes them."""

    name: str
    nodes: Nodes

    @property
    def models(self) -> tuple[str, ...]:
        """Every file of weights that a node is told to load, without its folder."""
        told = (value for node in self.nodes.values() for value in node["inputs"].values() if isinstance(value, str))
        return tuple(sorted({
            value.replace("\\", "/").rpartition("/")[2] for value in told if value.lower().endswith(_WEIGHTS)
        }))

    @property
    def settings(self) -> dict[str, Any]:
        """How the Backbone and the VideoSampler are set, without what the protocol varies."""
        varied = ("seed", "routing", "structure", "retake")
        return {
            f"{node['class_type'].removeprefix('KlingCore')} {name}": value
            for node in self.nodes.values() if node["class_type"] in (_BACKBONE, _SAMPLER)
            for name, value in node["inputs"].items() if not isinstance(value, list) and name not in varied
        }  # fmt: skip

    def directed(self, run: Run, elements: Sequence[str]) -> Nodes:
        """The nodes that make one film of the protocol. elements: as the Load Element node lists them.

        What would let something else than the model's own sampling into the film (a draft to follow, an earlier take)
        is taken out. Titles are, too, since they change nothing.
        """
        nodes = {
            id: {"class_type": node["class_type"], "inputs": copy.deepcopy(node["inputs"])}
            for id, node in self.nodes.items() if node["class_type"] != LOAD_ELEMENT
        }  # fmt: skip
        bind, shots, sampler = (_only(nodes, kind) for kind in (_BIND, _SHOTS, _SAMPLER))
        for at, name in enumerate(elements):
            nodes[f"protocol_{at}"] = {"class_type": LOAD_ELEMENT, "inputs": {"element": name}}
        loaded = {f"elements.element{at}": [f"protocol_{at}", 0] for at in range(len(elements))}
        _set(nodes[bind], {"bind": run.bind, "strength": 1.0, **loaded}, without="elements.")
        written = script([_plain(name) for name in elements])
        told = {"script": written, "aspect": ASPECT, "seconds": 0.0, "place": "from the script"}
        _set(nodes[shots], told, without="shots.")
        wired = {"storyboard": [shots, 0], "cast": [bind, 0]}
        _set(nodes[sampler], {"seed": run.seed, "structure": 0.0, "retake": "", **wired}, without="take")
        if run.routing:
            nodes[_only(nodes, _BACKBONE)]["inputs"]["routing"] = run.routing
        nodes[_only(nodes, SAVE)]["inputs"]["filename_prefix"] = "kling_protocol/film"
        return nodes


def load_workflow(path: Path, family: Family) -> Workflow:
    """Raises KlingError for a file that is no workflow in API form, and with every node that is missing or too many."""
    try:
        nodes = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KlingError(Problem(str(path), f"cannot be read: {error.strerror}", "Check the path.")) from error
    except ValueError as error:
        raise KlingError(Problem(str(path), "is no JSON", "Export the workflow with Export (API).")) from error
    if not _is_api_form(nodes):
        remedy = "Open it in ComfyUI and choose Workflow, Export (API)."
        raise KlingError(Problem(str(path), "is no workflow in API form", remedy))
    _require_nodes(str(path), nodes, family)
    return Workflow(path.name, nodes)


def _is_api_form(nodes: Any) -> bool:
    return isinstance(nodes, dict) and bool(nodes) and all(
        isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
        for node in nodes.values()
    )


def _require_nodes(where: str, nodes: Nodes, family: Family) -> None:
    problems = ProblemList()
    kinds = [node["class_type"] for node in nodes.values()]
    for kind in (_BIND, _SHOTS, _SAMPLER, SAVE, *([_BACKBONE] if family.routed else [])):
        if kinds.count(kind) != 1:
            found = "no" if kind not in kinds else f"{kinds.count(kind)} nodes"
            remedy = "Begin with one of the pack's own workflows in workflows/api."
            problems.add(where, f"has {found} {kind}, where one is needed", remedy)
    if not family.routed and _BACKBONE in kinds:
        what = f"has a {_BACKBONE}, but the {family.name} family is told to be in it"
        problems.add(where, what, "Name the family of its model with --family.")
    problems.raise_if_any()


def _only(nodes: Nodes, kind: str) -> str:
    found, = (id for id, node in nodes.items() if node["class_type"] == kind)
    return found


def _set(node: dict[str, Any], inputs: dict[str, Any], *, without: str) -> None:
    """Replaces inputs by name, after taking out those whose name begins with `without`."""
    kept = {name: value for name, value in node["inputs"].items() if not name.startswith(without)}
    node["inputs"] = kept | inputs


def _plain(element: str) -> str:
    """An element's own name, as a script has it, of what the Load Element node calls it ("demo: mira")."""
    return element.rpartition(" ")[2]
