"""Training state as one safetensors file: what a run needs to go on where the last one stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from kling_core.atomic import replacing
from kling_core.previz.transformer import Config

if TYPE_CHECKING:
    from kling_core.previz.training.train import Run


def save_checkpoint(path: Path, run: Run) -> None:
    """Write everything of `run` that training changes, atomically."""
    tensors = {}
    for name, module in _modules(run).items():
        tensors.update({f"{name}.{key}": value for key, value in module.state_dict().items()})
    for number, optimiser in enumerate(run.optimisers):
        for parameter, state in optimiser.state_dict()["state"].items():
            tensors.update({
                f"optimiser.{number}.{parameter}.{key}": torch.as_tensor(value) for key, value in state.items()
            })
    about = {"config": run.model.config.to_json(), "steps": run.steps, "history": run.history}
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with replacing(path) as draft:
        save_file(plain, draft, {"about": json.dumps(about)})


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory."""

    config: Config
    steps: int
    history: list[dict]
    tensors: dict[str, torch.Tensor]

    def restore(self, run: Run) -> None:
        run.steps, run.history = self.steps, self.history
        for name, module in _modules(run).items():
            module.load_state_dict(self._under(f"{name}."))
        for number, optimiser in enumerate(run.optimisers):
            whole = optimiser.state_dict()
            state: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in self._under(f"optimiser.{number}.").items():
                parameter, field = key.split(".", 1)
                state.setdefault(int(parameter), {})[field] = value
            optimiser.load_state_dict({"state": state, "param_groups": whole["param_groups"]})

    def _under(self, prefix: str) -> dict[str, torch.Tensor]:
        return {key[len(prefix):]: value for key, value in self.tensors.items() if key.startswith(prefix)}


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises FileNotFoundError when there is nothing to resume."""
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    return Checkpoint(Config(**about["config"]), about["steps"], about["history"], tensors)


def _modules(run: Run) -> dict[str, torch.nn.Module]:
    return {"model": run.model, "average": run.average, "vae": run.vae, "codec": run.codec}
