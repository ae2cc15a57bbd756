import numpy as np
import torch

from kling_core.decode.streaming import stream
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.world import COLLAGE_LAYERS
from kling_core.sound.ambience import ambience


def smooth_shots(count=6):
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(count * 8, 3, 5, 8, generator=generator) * 2 - 1
    return [*torch.nn.functional.interpolate(small, (72, 128), mode="bilinear").unflatten(0, (count, 8))]


def trained_vae():
    vae = VideoVAE()
    vae.fit(smooth_shots())
    torch.manual_seed(1)
    for parameter in vae.refiner.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return vae.eval()


def test_frames_survive_the_latents():
    vae, shot = trained_vae(), smooth_shots(1)[0]
    assert vae.encode(shot).shape == (2, 9, 16, 128)
    error = (vae.decode_linear(vae.encode(shot)) - shot).square().mean()
    assert 10 * torch.log10(4 / error) > 35


def test_latents_have_unit_power():
    vae = trained_vae()
    latents = torch.cat([vae.encode(shot) for shot in smooth_shots()])
    assert 0.7 < latents.square().mean() < 1.4


@torch.no_grad()
def test_a_decoded_frame_depends_on_no_later_frame():
    vae, latents, collage = trained_vae(), torch.randn(3, 9, 16, 128), torch.rand(12, COLLAGE_LAYERS, 288, 512)
    whole = vae.decode(latents, collage)
    for changed in (latents.clone(), collage.clone()):
        changed[2 * len(changed) // 3 :] += 1
        given = (changed, collage) if changed.shape == latents.shape else (latents, changed)
        assert torch.equal(whole[:8], vae.decode(*given)[:8])
        assert not torch.equal(whole[8:], vae.decode(*given)[8:])


@torch.no_grad()
def test_streaming_gives_the_same_frames_for_any_budget():
    vae, latents, collage = trained_vae(), torch.randn(6, 9, 16, 128), torch.rand(24, COLLAGE_LAYERS, 288, 512)
    whole = vae.decode(latents, collage)
    for budget in (1, 3, 100):
        pieces = list(
            stream(
                latents,
                lambda piece, first, before: vae.decode(
                    piece, collage[first * 4 : (first + len(piece) - before) * 4], before
                ),
                context=1,
                bytes_per_latent=1,
                memory_budget=budget,
            )
        )
        assert torch.allclose(torch.cat(pieces), whole, atol=1e-4)
        assert len(pieces) == {1: 6, 3: 2, 100: 1}[budget]


def test_ambience_keeps_its_spectrum_and_its_sides():
    codec = AudioCodec()
    beds = [torch.from_numpy(ambience(place, "day", 6.0, 24000, 1)) for place in ("beach", "street", "park")]
    codec.fit(torch.cat([codec.rows(bed, 72) for bed in beds]))
    left_only = beds[0] * torch.tensor([[1.0], [0.1]])
    sound = codec.decode(codec.encode(left_only, 72))
    assert sound.shape == (2, 6 * 24000)
    power = np.sqrt((sound**2).mean(1))
    wanted = left_only.square().mean(1).sqrt().numpy()
    assert np.abs(20 * np.log10(power / wanted)).max() < 4
