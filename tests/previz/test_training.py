import pytest
import torch

from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.training import loss
from kling_core.previz.training.dataset import fill
from kling_core.previz.training.muon import Muon, orthogonal
from kling_core.previz.training.train import Run
from kling_core.previz.transformer import Config, PrevizTransformer
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.weights_file import load_weights

TINY = Config(width=64, layers=1, heads=1)


@pytest.fixture(scope="module")
def buffer():
    with torch.no_grad():
        return fill(7, 4, 8, 1.0, VideoVAE(), AudioCodec(), workers=1, frames=2, report=lambda text: None)


def test_a_seed_means_the_same_excerpts(buffer):
    again = fill(7, 4, 4, 1.0, VideoVAE(), AudioCodec(), workers=1, frames=2, report=lambda text: None)
    assert torch.equal(buffer.stacked["features"][:4], again.stacked["features"])
    assert torch.equal(buffer.stacked["visible"][:4], again.stacked["visible"])


def test_people_never_attend_to_somebody_elses_references(buffer):
    batch = buffer.batch(torch.arange(8), "cpu")
    words, video = batch["text"].shape[1], batch["video"].shape[1]
    for person in (0, 1):
        reference = words + 40 * person
        sees = batch["mask"][:, 0, -video:, reference]
        assert torch.equal(sees, batch["wears"][..., person] > 0)


def test_kept_latents_stay_clean_and_cost_nothing(buffer):
    batch = buffer.batch(torch.arange(8), "cpu")
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        tokens, sigma = loss.tokens_at(batch, torch.full((8,), 0.7), generator)
        kept = sigma == 0
        if kept.any():
            break
    assert kept.any() and torch.equal(tokens.video[kept], batch["video"][kept])
    wrong = torch.where(kept[..., None], batch["video"] + 5, batch["video"])
    assert loss.flow_loss(wrong, batch["audio"], batch, torch.full((8,), 0.7), sigma) == 0


def test_speech_is_never_noisy(buffer):
    batch = buffer.batch(torch.arange(8), "cpu")
    tokens, _ = loss.tokens_at(batch, torch.full((8,), 0.9), torch.Generator().manual_seed(0))
    assert torch.equal(tokens.audio[:, :8], batch["audio"][:, :8])
    assert not torch.allclose(tokens.audio[:, 8:], batch["audio"][:, 8:])


def test_a_few_steps_lower_the_loss(buffer):
    torch.manual_seed(0)
    model = PrevizTransformer(TINY)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    batch = buffer.batch(torch.arange(8), "cpu")
    losses = []
    for _ in range(12):
        tokens, sigma = loss.tokens_at(batch, torch.full((8,), 0.8), torch.Generator().manual_seed(1))
        value = loss.flow_loss(*loss.predict(model, tokens, batch["mask"]), batch, torch.full((8,), 0.8), sigma)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    assert losses[-1] < 0.9 * losses[0]


def test_training_goes_on_where_it_stopped(tmp_path):
    from kling_core.previz.training.checkpoint import save_checkpoint

    first = Run(tmp_path, torch.device("cpu"), TINY, resume=False)
    for parameter in first.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimiser in first.optimisers:
        optimiser.step()
    first.steps = 1
    save_checkpoint(tmp_path / "checkpoint.safetensors", first)
    second = Run(tmp_path, torch.device("cpu"), Config(), resume=True)
    assert second.model.config == TINY and second.steps == 1
    assert second.seed != first.seed and len(second.history) == 2
    for before, after in zip(first.model.parameters(), second.model.parameters()):
        assert torch.equal(before, after)
    assert second.optimisers[0].state_dict()["state"].keys() == first.optimisers[0].state_dict()["state"].keys()


def test_muon_makes_a_step_orthogonal():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(16, 48), 5))
    assert 0.5 < values.min() and values.max() < 1.4
    matrix = torch.nn.Parameter(torch.zeros(16, 48))
    matrix.grad = torch.randn(16, 48)
    Muon([matrix], lr=0.1).step()
    assert (matrix * matrix.grad).sum() < 0


def test_without_a_checkpoint_training_goes_on_from_the_weights_that_ship(tmp_path):
    shipped, vae, _, about = load_weights()
    run = Run(tmp_path, torch.device("cpu"), TINY, resume=True)
    assert run.model.config == shipped.config and run.steps > 0 and run.history[:-1] == about["history"]
    assert torch.equal(run.vae.basis, vae.basis)
    trained = list(zip(run.model.parameters(), run.average.parameters(), shipped.parameters()))
    assert all(torch.equal(model, ships) and torch.equal(average, ships) for model, average, ships in trained)
    assert all(parameter.requires_grad for parameter in (*run.model.parameters(), *run.vae.refiner.parameters()))
