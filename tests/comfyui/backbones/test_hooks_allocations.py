"""ComfyUI from v0.38 on records what blocks allocate on a GPU; what routing allocates is kept out of that."""

from __future__ import annotations

import pytest
from families import FAMILIES
from test_every_family import HARD, planned, sampled

from kling_core.attention import spans
from kling_core.attention.routing import Policy

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]


class Recorder:
    """In place of `comfy.model_prefetch.pause_malloc_graph`: how often recording was paused, and whether it is."""

    def __init__(self):
        self.pauses, self.depth = 0, 0

    def __call__(self):
        return self

    def __enter__(self):
        self.pauses, self.depth = self.pauses + 1, self.depth + 1

    def __exit__(self, *problem):
        self.depth -= 1


@pytest.fixture
def recorder(monkeypatch, backbones):
    import comfy.model_prefetch

    made = Recorder()
    monkeypatch.setattr(comfy.model_prefetch, "pause_malloc_graph", made, raising=False)
    return made


@pytest.mark.parametrize("name", ["h3", "wan", "ltx-2"])
def test_index_tensors_that_outlive_a_block_are_made_while_nothing_is_recorded(name, cast, recorder, monkeypatch):
    made, of = [], spans._Gathers.of.__func__

    def watched(cls, *args):
        made.append(recorder.depth)
        return of(cls, *args)

    monkeypatch.setattr(spans._Gathers, "of", classmethod(watched))
    backbone = FAMILIES[name].backbone(policy=HARD["all"])
    sampled(backbone, planned(backbone, cast), cast)
    assert made and set(made) == {1} and recorder.depth == 0


def test_attention_that_nothing_is_hidden_from_is_recorded_as_ever(cast, recorder):
    backbone = FAMILIES["wan"].backbone(policy=Policy.open())
    sampled(backbone, planned(backbone, cast), cast)
    assert recorder.pauses == 0
