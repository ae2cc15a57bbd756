import torch
import torch.nn.functional as F

from kling_core.previz import collage, geometry
from kling_core.previz.transformer import Config, PrevizTransformer, Tokens

TEXT, PEOPLE, AUDIO, VIDEO = 6, 1, 4, 10
COUNT = TEXT + 40 * PEOPLE + AUDIO + VIDEO


def tokens(seed=0, **changes):
    torch.manual_seed(seed)
    values = {
        "text": torch.randint(1, 9, (1, TEXT)), "references": torch.randn(1, PEOPLE, 40, 768),
        "known": torch.ones(1, PEOPLE, 40), "audio": torch.randn(1, AUDIO, 64), "video": torch.randn(1, VIDEO, 128),
        "track": torch.tensor([0, 0, 1, 1]), "features": torch.randn(1, VIDEO, geometry.FEATURES),
        "pasted": torch.randn(1, VIDEO, collage.CHANNELS), "reads": torch.ones(1, VIDEO, TEXT),
        "wears": torch.ones(1, VIDEO, PEOPLE), "level": torch.tensor([[0.0, 0.7]]),
        "level_of": torch.tensor([[0] * (COUNT - VIDEO) + [1] * VIDEO]), "positions": torch.randn(1, COUNT, 3),
    }
    return Tokens(**(values | changes))


def model(seed=1):
    torch.manual_seed(seed)
    network = PrevizTransformer(Config(width=64, layers=2, heads=1))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


def plain(q, k, v, layer):
    return F.scaled_dot_product_attention(q, k, v)


@torch.no_grad()
def test_it_predicts_every_video_and_audio_token():
    video, audio = model()(tokens(), plain)
    assert video.shape == (1, VIDEO, 128) and audio.shape == (1, AUDIO, 64)


@torch.no_grad()
def test_the_noise_level_belongs_to_the_token():
    network = model()
    first = torch.tensor([[0] * (COUNT - VIDEO) + [0] + [1] * (VIDEO - 1)])
    alone = lambda q, k, v, layer: v  # noqa: E731 - every token sees only itself
    before, _ = network(tokens(), alone)
    after, _ = network(tokens(level_of=first), alone)
    assert not torch.allclose(before[:, 0], after[:, 0])
    assert torch.equal(before[:, 1:], after[:, 1:])


@torch.no_grad()
def test_unknown_references_leave_no_trace():
    network, unknown = model(), torch.zeros(1, PEOPLE, 40)
    first, _ = network(tokens(known=unknown), plain)
    second, _ = network(tokens(known=unknown, references=torch.randn(1, PEOPLE, 40, 768)), plain)
    assert torch.equal(first, second)


@torch.no_grad()
def test_positions_are_data():
    network = model()
    moved = tokens().positions.clone()
    moved[:, -1] += 3
    assert not torch.allclose(network(tokens(), plain)[0], network(tokens(positions=moved), plain)[0])
