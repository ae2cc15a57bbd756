"""Progress, previews and Cancel."""

import sys

import comfy_double
import pytest
import torch


@pytest.fixture
def progress(pack):
    return sys.modules[f"{pack.root.__name__}.nodes.host"].HostProgress(8)


def test_steps_reach_the_progress_bar(host, progress):
    progress(3, 8, None)
    assert host.progress == [(3, 8, None)]


def test_a_preview_reaches_the_graph_as_a_picture(host, progress):
    progress(1, 8, torch.rand(4, 6, 10, 3))
    (_, _, (kind, picture, pixels)), = host.progress
    assert kind == "JPEG" and picture.size == (30, 12) and pixels > 0


def test_cancel_stops_the_sampler_in_the_next_step(host, progress):
    host.interrupted = True
    with pytest.raises(comfy_double.Interrupted):
        progress(1, 8, None)
