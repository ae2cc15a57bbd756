"""The ContinuityReport node, on a film in which nothing is to be seen."""

import comfy_double
import pytest
import torch
from fake_backbone import FakeBackbone

from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.stage.look import Look
from kling_core.storyboard.script import parse_script

CAST = Cast((Binding(Element("mira", origin="stage", look=Look().to_json())),))


@pytest.fixture
def plan():
    scene = parse_script('Shot 1 (2s, wide): @mira waves. Shot 2 (2s, close-up): Mira says, "Hello!"', ("mira",))
    return resolve(scene, CAST, FakeBackbone.grid, FakeBackbone.limits)


def test_the_report_names_what_failed_and_the_sheet_shows_it(run, plan):
    audio = {"waveform": torch.zeros(1, 2, 4 * 24000), "sample_rate": 24000}
    report, sheet = run(
        "ContinuityReport", images=torch.full((48, 72, 128, 3), 0.4), plan=plan, cast=CAST, audio=audio
    ).args  # fmt: skip
    assert "no cut at its start (frame 24)" in report and "line 1: no voice is heard" in report
    assert report.splitlines()[-1] == "Take again: --retake 1,2", "nobody is in either shot"
    assert sheet.ndim == 4 and len(sheet) == 1 and 0 <= sheet.min() <= sheet.max() <= 1
    red = (sheet[0, ..., 0] > 0.7) & (sheet[0, ..., 1] < 0.25)
    assert red.sum() > 3000


def test_without_sound_the_voices_are_left_out(run, plan):
    report, _ = run("ContinuityReport", images=torch.full((48, 72, 128, 3), 0.4), plan=plan, cast=CAST).args
    assert "voice is heard" not in report


def test_a_film_that_is_not_the_plans_is_refused(run, plan):
    with pytest.raises(KlingError, match="has 24 frames, its plan 48"):
        run("ContinuityReport", images=torch.zeros(24, 72, 128, 3), plan=plan, cast=CAST)


def test_measuring_shows_in_the_graph_and_can_be_cancelled(host, run, plan):
    film = torch.full((48, 72, 128, 3), 0.4)
    run("ContinuityReport", images=film, plan=plan, cast=CAST)
    assert [done for done, _, _ in host.progress] == [0, 1, 2, 3, 4, 5]
    host.interrupted = True
    with pytest.raises(comfy_double.Interrupted):
        run("ContinuityReport", images=film, plan=plan, cast=CAST)
