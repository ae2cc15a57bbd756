import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from kling_core import media
from kling_core.errors import KlingError

RATE = 24000


def colours(height=40, width=60):
    """A smooth picture without symmetry."""
    row, column = np.mgrid[0:height, 0:width]
    return np.stack([column * 255 / width, row * 255 / height, 60 + 0 * row], -1).astype(np.uint8)


def film(path, frames=24, fps=12, sound=None, portions=(24,)):
    pixels = np.zeros((frames, 72, 128, 3), np.uint8)
    pixels[:] = colours(72, 128)
    with media.FilmWriter(path, fps, 128, 72, RATE) as writer:
        done = 0
        for portion in portions:
            writer.add_frames(pixels[done : done + portion])
            done += portion
        if sound is not None:
            writer.add_sound(sound)
    return pixels


def clicks(*moments, seconds=2.0):
    sound = np.zeros((2, int(seconds * RATE)), np.float32)
    for moment, ear in moments:
        begin = int(moment * RATE)
        sound[ear, begin : begin + 240] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(240) / RATE)
    return sound


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_pictures_come_out_upright(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"picture.{kind}"
    Image.fromarray(colours()).save(path, exif=exif, quality=95)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    pixels = media.read_picture(path)
    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 3


def test_a_png_comes_back_as_it_was(tmp_path):
    media.write_picture(tmp_path / "a.png", colours())
    assert (media.read_picture(tmp_path / "a.png") == colours()).all()


def test_a_jpeg_comes_back_nearly_as_it_was_in_other_peoples_readers_too(tmp_path):
    media.write_picture(tmp_path / "a.jpg", colours())
    for pixels in (media.read_picture(tmp_path / "a.jpg"), np.asarray(Image.open(tmp_path / "a.jpg"))):
        assert np.abs(pixels.astype(int) - colours()).mean() < 2


def test_transparent_parts_become_white(tmp_path):
    pixels = np.dstack([colours(), np.zeros((40, 60), np.uint8)])
    pixels[:, 30:, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = media.read_picture(tmp_path / "a.png")
    assert (read[:, :30] == 255).all() and (read[:, 30:] == colours()[:, 30:]).all()


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1"])
def test_pictures_of_other_colour_modes_are_read_as_rgb(tmp_path, mode):
    path = tmp_path / ("a.jpeg" if mode == "CMYK" else "a.png")
    Image.fromarray(colours()).convert(mode).save(path)
    expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert np.abs(media.read_picture(path) - expected).mean() < 3


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_pictures_cut_short_are_refused(tmp_path, kind, part):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{kind}")
    data = (tmp_path / f"whole.{kind}").read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(part * len(data))])
    with pytest.raises(KlingError, match="damaged or cut short"):
        media.read_picture(tmp_path / "cut")


@pytest.mark.parametrize("content", [b"", b"hello" * 100, b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("read", [media.read_picture, media.read_sound, media.read_video])
def test_other_files_are_refused_with_their_name(tmp_path, read, content):
    (tmp_path / "strange.png").write_bytes(content)
    with pytest.raises(KlingError, match="strange.png"):
        read(tmp_path / "strange.png")


@pytest.mark.parametrize("read", [media.read_picture, media.read_sound, media.read_video])
def test_missing_files_and_folders_are_refused(tmp_path, read):
    with pytest.raises(KlingError, match="does not exist"):
        read(tmp_path / "nowhere.png")
    with pytest.raises(KlingError):
        read(tmp_path)


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")


def test_a_picture_of_more_than_64_megapixels_is_refused(tmp_path):
    (tmp_path / "large.png").write_bytes(png_header(9000, 8000))
    with pytest.raises(KlingError, match="more than 64 million pixels"):
        media.read_picture(tmp_path / "large.png")


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory with the resource module")
def test_a_decompression_bomb_takes_no_memory(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_header(30000, 30000))
    code = (
        "import resource, sys\nfrom kling_core import errors, media\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    media.read_picture(sys.argv[1])\n"
        "except errors.KlingError:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = int(run(code, tmp_path / "bomb.png").stdout)
    assert grown < (50_000 if sys.platform == "linux" else 50_000_000)


def run(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(Path(media.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_a_picture_needs_a_name_that_says_its_format(tmp_path):
    with pytest.raises(KlingError, match=".png or .jpg"):
        media.write_picture(tmp_path / "a.bmp", colours())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_back_as_it_was(tmp_path, channels):
    sound = np.random.default_rng(0).uniform(-1, 1, (channels, 5000)).astype(np.float32)
    media.write_sound(tmp_path / "a.wav", sound, RATE)
    read, rate = media.read_sound(tmp_path / "a.wav")
    assert rate == RATE and read.dtype == np.float32
    np.testing.assert_allclose(read, sound, atol=1e-4)


def test_sound_is_resampled_on_request(tmp_path):
    time = np.arange(RATE) / RATE
    media.write_sound(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time)[None], RATE)
    read, rate = media.read_sound(tmp_path / "a.wav", 16000)
    assert rate == 16000 and abs(read.shape[1] - 16000) < 40
    assert np.argmax(np.abs(np.fft.rfft(read[0, :16000]))) == 440


def test_empty_sound_is_refused(tmp_path):
    media.write_sound(tmp_path / "a.wav", np.zeros((1, 0)), RATE)
    with pytest.raises(KlingError):
        media.read_sound(tmp_path / "a.wav")


def test_more_than_ten_minutes_of_sound_are_refused(tmp_path):
    media.write_sound(tmp_path / "long.wav", np.zeros((1, 8000 * 601)), 8000)
    with pytest.raises(KlingError, match="longer than 10 minutes"):
        media.read_sound(tmp_path / "long.wav")


def test_a_film_keeps_its_pictures_and_colours(tmp_path):
    pixels = film(tmp_path / "a.mp4", portions=(5, 19))
    video = media.read_video(tmp_path / "a.mp4")
    assert video.fps == 12 and video.frames.shape == pixels.shape
    assert np.abs(video.frames.astype(int) - pixels).mean() < 3


@pytest.mark.parametrize("fps", [12, 24, 29.97])
def test_picture_and_sound_of_a_film_agree_in_time(tmp_path, fps):
    frames = round(2 * fps)
    pixels = np.zeros((frames, 64, 64, 3), np.uint8)
    pixels[frames // 2 :] = 255
    moment = frames // 2 / fps
    with media.FilmWriter(tmp_path / "a.mp4", fps, 64, 64, RATE) as writer:
        writer.add_sound(clicks((moment, 0), (0.25, 1)))
        writer.add_frames(pixels)
    video = media.read_video(tmp_path / "a.mp4")
    assert np.argmax(np.diff(video.frames.mean((1, 2, 3)))) + 1 == frames // 2
    heard = [np.argmax(np.abs(ear) > 0.2) / RATE for ear in video.sound]
    assert abs(heard[0] - moment) < 0.002 and abs(heard[1] - 0.25) < 0.002


def test_sound_may_come_in_any_portions(tmp_path):
    sound = clicks((0.5, 0), (1.5, 1))
    film(tmp_path / "one.mp4", sound=sound)
    with media.FilmWriter(tmp_path / "many.mp4", 12, 128, 72, RATE) as writer:
        for second in range(2):
            writer.add_sound(sound[:, second * RATE : second * RATE + 7000])
            writer.add_frames(np.full((12, 72, 128, 3), 90, np.uint8))
            writer.add_sound(sound[:, second * RATE + 7000 : (second + 1) * RATE])
    one, many = (media.read_sound(tmp_path / name)[0] for name in ("one.mp4", "many.mp4"))
    np.testing.assert_allclose(one, many, atol=1e-3)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0])
def test_the_sound_is_as_long_as_the_picture(tmp_path, seconds):
    film(tmp_path / "a.mp4", sound=clicks(seconds=seconds))
    sound, _ = media.read_sound(tmp_path / "a.mp4")
    assert 2.0 <= sound.shape[1] / RATE < 2.1


def test_the_index_of_a_film_comes_first(tmp_path):
    film(tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_film_is_in_the_format_that_players_expect(tmp_path):
    import av

    film(tmp_path / "a.mp4", sound=clicks())
    with av.open(str(tmp_path / "a.mp4")) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (sound.codec_context.name, sound.channels, sound.rate) == ("aac", 2, RATE)


def test_odd_sizes_are_refused(tmp_path):
    with pytest.raises(KlingError, match="even"):
        media.FilmWriter(tmp_path / "a.mp4", 12, 127, 72, RATE)


@pytest.mark.parametrize("mistake", [KeyboardInterrupt, ValueError])
def test_a_film_given_up_leaves_nothing_and_keeps_the_old_one(tmp_path, mistake):
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(mistake), media.FilmWriter(tmp_path / "a.mp4", 12, 128, 72, RATE) as writer:
        writer.add_frames(np.zeros((12, 72, 128, 3), np.uint8))
        raise mistake
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"old"


def test_a_film_without_frames_leaves_nothing(tmp_path):
    with pytest.raises(ValueError), media.FilmWriter(tmp_path / "a.mp4", 12, 128, 72, RATE):
        pass
    assert not list(tmp_path.iterdir())


WRITERS = {
    "film": "with media.FilmWriter(folder / 'a.mp4', 12, 256, 144, 24000) as writer:\n"
    "    for _ in range(20):\n        writer.add_frames(rng.integers(0, 255, (3, 144, 256, 3)).astype(np.uint8))\n",
    "film at its end": "with media.FilmWriter(folder / 'a.mp4', 12, 256, 144, 24000) as writer:\n"
    "    writer.add_frames(rng.integers(0, 255, (12, 144, 256, 3)).astype(np.uint8))\n",
    "sound": "media.write_sound(folder / 'a.wav', rng.uniform(-1, 1, (2, 400000)), 24000)\n",
    "picture": "media.write_picture(folder / 'a.png', rng.integers(0, 255, (900, 900, 3)).astype(np.uint8))\n",
}


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files with the resource module")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, writer):
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from kling_core import errors, media\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "folder, rng = Path(sys.argv[1]), np.random.default_rng(0)\n"
        "try:\n" + "".join(f"    {line}\n" for line in WRITERS[writer].splitlines()) +
        "except errors.KlingError as error:\n    print(error)\n"
    )
    done = run(code, tmp_path)
    assert "does not fit on the disk" in done.stdout, done.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_reported(tmp_path):
    for write in (
        lambda path: media.write_picture(path, colours()),
        lambda path: media.write_sound(path, np.zeros((1, 10)), RATE),
        film,
    ):
        with pytest.raises(KlingError, match="no folder"):
            write(tmp_path / "nowhere" / "a.png")


def test_a_truncated_film_is_refused(tmp_path):
    film(tmp_path / "a.mp4", sound=clicks())
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 4])
    with pytest.raises(KlingError):
        media.read_video(tmp_path / "cut.mp4")


def test_a_film_too_large_for_memory_is_refused(tmp_path, monkeypatch):
    film(tmp_path / "a.mp4")
    monkeypatch.setattr(media, "MAX_VIDEO_PIXELS", 20 * 128 * 72)
    with pytest.raises(KlingError, match="shorter or smaller"):
        media.read_video(tmp_path / "a.mp4")


def test_a_film_without_sound_track_has_none(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    video = media.read_video(tmp_path / "a.mp4")
    assert video.frames.shape == (5, 48, 64, 3) and video.sound is None and video.rate is None
    with pytest.raises(KlingError, match="no sound"):
        media.read_sound(tmp_path / "a.mp4")
