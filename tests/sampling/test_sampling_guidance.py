"""Guidance: one formula, and no pass that a scale of 1 makes needless."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kling_core.backbone import Latents, Settings
from kling_core.sampling.flow import Sigmas
from kling_core.sampling.guidance import guided

VALUES = {None: 10.0, "text": 7.0, "references": 4.0, "audio": 9.0}
NOISY = Latents(torch.zeros(1, 2, 1, 1), torch.zeros(2, 3))
SIGMAS = Sigmas(torch.ones(1, 1, 1), torch.ones(2))
scales = st.sampled_from([0.0, 1.0, 1.5, 3.0])


class Predict:
    def __init__(self):
        self.asked = []

    def __call__(self, latents, sigmas, without):
        self.asked.append(without)
        value = VALUES[without]
        return Latents(torch.full_like(latents.video, value), torch.full_like(latents.audio, -value))


@given(scales, scales, scales)
def test_scales_add_up_and_each_costs_a_pass_only_when_it_acts(text, references, audio):
    predict = Predict()
    denoise = guided(predict, Settings(text_guidance=text, reference_guidance=references, audio_guidance=audio))
    found = denoise(NOISY, SIGMAS)
    expected = 10 + (text - 1) * 3 + (references - 1) * 6 + (audio - 1) * 1
    assert found.video.unique().tolist() == pytest.approx([expected])
    assert found.audio.unique().tolist() == pytest.approx([-expected])
    acting = [name for name, scale in (("text", text), ("references", references), ("audio", audio)) if scale != 1]
    assert predict.asked == [None, *acting]


def test_without_guidance_the_prediction_is_untouched():
    prediction = Latents(torch.randn(1, 2, 1, 1), torch.randn(2, 3))
    denoise = guided(lambda *_: prediction, Settings(reference_guidance=1.0))
    assert denoise(NOISY, SIGMAS) is prediction
