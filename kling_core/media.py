"""Read and write pictures, sound and films, through PyAV: the only module that knows containers.

Files come from strangers. So they are opened by us and never by name in FFmpeg (which would follow links inside
playlists), only as one of the formats listed here, and nothing is decoded before its size is known to be bearable.
What is written appears at its path complete or not at all.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from kling_core.atomic import replacing
from kling_core.errors import KlingError, Problem

MAX_PICTURE_PIXELS = 64_000_000
MAX_PICTURE_BYTES = 256_000_000
MAX_VIDEO_PIXELS = 600_000_000  # of all frames together: 20 s of 1280x720 at 30 fps, 1.8 GB in memory
MAX_SOUND_SECONDS = 600
MAX_SOUND_RATE = 48_000

_PICTURES = "png_pipe,jpeg_pipe,webp_pipe"
_VIDEOS = "mov,matroska,avi,mpegts,gif,asf,flv,ogg"
_SOUNDS = "wav,w64,aiff,flac,mp3,aac,caf," + _VIDEOS
_WRITTEN_PICTURES = {".png": ("png", "rgb24"), ".jpg": ("mjpeg", "yuvj444p"), ".jpeg": ("mjpeg", "yuvj444p")}
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclass(frozen=True)
class Video:
    """frames: [T, H, W, 3] uint8 RGB at a constant `fps`. sound: [C, N] float32 at `rate`, None if there is none.

    The sound begins with the first frame.
    """

    frames: np.ndarray
    fps: float
    sound: np.ndarray | None
    rate: int | None


def read_picture(path: str | Path) -> np.ndarray:
    """A PNG, JPEG or WebP, upright: uint8 [H, W, 3] RGB. Transparent parts become white.

    Raises KlingError for what is missing, no picture, damaged or cut short, or over 64 million pixels.
    """
    name = Path(path).name
    with _reading_errors(path, "a picture", "Save it anew as PNG, JPEG or WebP."), open(path, "rb") as file:
        data = file.read(MAX_PICTURE_BYTES + 1)
        if len(data) > MAX_PICTURE_BYTES:
            raise KlingError(Problem(name, f"is larger than {MAX_PICTURE_BYTES // 10**6} MB", "Make it smaller."))
        # Without `explode` a JPEG whose end is missing is completed in grey.
        with _opened(io.BytesIO(data), _PICTURES, err_detect="explode") as container:
            pixels = _decode_picture(container)
    return np.ascontiguousarray(_upright(pixels, _exif_orientation(data)))


def require_picture_name(path: Path) -> None:
    """Raises KlingError for a name that `write_picture` cannot write."""
    if path.suffix.lower() not in _WRITTEN_PICTURES:
        raise KlingError(Problem(path.name, "is no name of a picture that can be written", "End it with .png or .jpg."))


def write_picture(path: str | Path, pixels: np.ndarray) -> None:
    """Write uint8 [H, W, 3] RGB as .png or .jpg, whichever the name says."""
    path, (height, width) = Path(path), _picture_size(pixels, 3)
    require_picture_name(path)
    codec, pixel_format = _WRITTEN_PICTURES[path.suffix.lower()]
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, pixel_format, Fraction(1, 1)
    if codec == "mjpeg":
        encoder.options = {"qmin": "2", "qmax": "2"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    frame = frame.reformat(format=pixel_format, dst_colorspace="ITU601", dst_color_range="JPEG")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    with _written(path) as unfinished:
        unfinished.write_bytes(b"".join(bytes(packet) for packet in packets))


def read_sound(path: str | Path, rate: int | None = None) -> tuple[np.ndarray, int]:
    """The first sound track of a sound or film file: float32 [C, N] in about [-1, 1], C = 1 or 2, and its rate.

    rate: resample to this; None keeps the file's own, up to 48 kHz. Raises KlingError for what is missing, holds no
    sound, is damaged, or is longer than ten minutes.
    """
    with _reading_errors(path, "sound", "Save it anew as WAV, FLAC or MP3."):
        with open(path, "rb") as file:
            found = _decode_sound(file, rate)
    if found is None:
        raise KlingError(Problem(Path(path).name, "holds no sound", "Choose a file with sound in it."))
    return found[0], found[1]


def write_sound(path: str | Path, samples: np.ndarray, rate: int) -> None:
    """Write float [C, N] in [-1, 1], C = 1 or 2, as 16-bit WAV. What is louder is clipped."""
    path = Path(path)
    if samples.ndim != 2 or len(samples) not in (1, 2):
        raise ValueError(f"expected samples [1 or 2, N], got {samples.shape}")
    layout = "mono" if len(samples) == 1 else "stereo"
    integers = (np.clip(samples, -1, 1).T * 32767).round().astype(np.int16).reshape(1, -1)
    with _written(path) as unfinished, av.open(str(unfinished), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(integers), format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        container.start_encoding()  # writes a header even for no sound at all
        container.mux([*(stream.encode(frame) if integers.size else ()), *stream.encode(None)])


def read_video(path: str | Path) -> Video:
    """A film with its sound, upright and decoded whole.

    Raises KlingError for what is missing, no film, damaged, or of more than 600 million pixels in all its frames.
    """
    with _reading_errors(path, "a film", "Save it anew as MP4."):
        with open(path, "rb") as file:
            frames, fps, start = _decode_frames(file)
            file.seek(0)
            found = _decode_sound(file, None)
    if found is None:
        return Video(frames, fps, None, None)
    sound, rate, sound_start = found
    late = round((sound_start - start) * rate)
    sound = np.pad(sound, ((0, 0), (late, 0))) if late > 0 else sound[:, -late:]
    return Video(frames, fps, sound, rate)


class FilmWriter:
    """Writes an mp4 (H.264 yuv420p, AAC stereo) as its frames and sound come in, in any order and portion.

    A context manager: the film appears at `path` when the context ends without an error, and nothing stays behind
    otherwise. Sound and picture begin together; where sound is missing at the end there is silence, and sound beyond
    the last frame is dropped. Raises KlingError for an odd size or when the disk is full.
    """

    def __init__(self, path: str | Path, fps: float, width: int, height: int, sound_rate: int):
        if width % 2 or height % 2 or min(width, height) < 2:
            what = f"cannot be {width}x{height}: H.264 needs even sizes"
            raise KlingError(Problem(Path(path).name, what, f"Use {width // 2 * 2}x{height // 2 * 2}."))
        self.path, self.width, self.height, self.sound_rate = Path(path), width, height, sound_rate
        self.fps = Fraction(fps).limit_denominator(1001)
        self._frames = self._samples = 0
        self._to_yuv = VideoReformatter()
        self._waiting: list[np.ndarray] = []  # sound of frames that have not come yet

    def __enter__(self) -> FilmWriter:
        with ExitStack() as stack:
            self._container = stack.enter_context(_mp4(self.path))
            self._add_streams()
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def _add_streams(self) -> None:
        if "libx264" not in av.codecs_available:
            what, remedy = "cannot be written: this build of PyAV has no libx264", "Install `av` from PyPI."
            raise KlingError(Problem(self.path.name, what, remedy))
        self._picture = self._container.add_stream("libx264", rate=self.fps, options={"crf": "17"})
        self._picture.width, self._picture.height, self._picture.pix_fmt = self.width, self.height, "yuv420p"
        self._picture.time_base = self._picture.codec_context.time_base = 1 / self.fps
        colour = self._picture.codec_context
        colour.color_primaries = colour.color_trc = colour.colorspace = 1  # BT.709
        colour.color_range = 1  # 16 to 235
        self._sound = self._container.add_stream("aac", rate=self.sound_rate, layout="stereo")
        self._sound.bit_rate = 160_000

    def add_frames(self, frames: np.ndarray) -> None:
        """Append uint8 [T, H, W, 3] RGB."""
        if _picture_size(frames, 4) != (self.height, self.width):
            raise ValueError(f"expected frames of {self.height} x {self.width}, got {frames.shape}")
        with _storage_errors(self.path):
            for pixels in frames:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame = self._to_yuv.reformat(
                    frame, format="yuv420p", src_colorspace="ITU709", dst_colorspace="ITU709", dst_color_range="MPEG"
                )
                frame.pts, frame.time_base = self._frames, 1 / self.fps
                self._container.mux(self._picture.encode(frame))
                self._frames += 1
            self._write_sound()

    def add_sound(self, samples: np.ndarray) -> None:
        """Append float32 [2, N] in [-1, 1]."""
        if samples.ndim != 2 or len(samples) != 2:
            raise ValueError(f"expected samples [2, N], got {samples.shape}")
        self._waiting.append(np.asarray(samples, np.float32))
        with _storage_errors(self.path):
            self._write_sound()

    def _write_sound(self) -> None:
        """Encode the sound that has come, up to the end of the frames that have come."""
        room = round(self._frames / self.fps * self.sound_rate) - self._samples
        while self._waiting and room > 0:
            piece = self._waiting.pop(0)
            if piece.shape[1] > room:
                self._waiting.insert(0, piece[:, room:])
                piece = piece[:, :room]
            room -= piece.shape[1]
            self._encode_sound(piece)

    def _encode_sound(self, piece: np.ndarray) -> None:
        if piece.shape[1]:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = self.sound_rate, self._samples, Fraction(1, self.sound_rate)
            self._container.mux(self._sound.encode(frame))
            self._samples += piece.shape[1]

    def _finish(self, kind, error, trace) -> None:
        """Complete the sound and flush both encoders, unless the film is given up."""
        if error is not None:
            return
        if not self._frames:
            raise ValueError("a film needs at least one frame")
        missing = round(self._frames / self.fps * self.sound_rate) - self._samples
        with _storage_errors(self.path):
            self._encode_sound(np.zeros((2, missing), np.float32))
            self._container.mux([*self._picture.encode(None), *self._sound.encode(None)])


def _picture_size(pixels: np.ndarray, dimensions: int) -> tuple[int, int]:
    if pixels.dtype != np.uint8 or pixels.ndim != dimensions or pixels.shape[-1] != 3:
        raise ValueError(f"expected uint8 pixels of {dimensions} dimensions, the last of 3, got {pixels.shape}")
    return pixels.shape[-3], pixels.shape[-2]


@contextmanager
def _mp4(path: Path) -> Iterator[av.container.OutputContainer]:
    with _written(path) as unfinished:
        container = av.open(str(unfinished), "w", format="mp4", options={"movflags": "faststart"})
        try:
            yield container
            container.close()  # writes the index, which may fail
        finally:
            with suppress(OSError, av.FFmpegError):
                container.close()  # Windows deletes no open file


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """`atomic.replacing`, with what goes wrong as KlingError."""
    with _storage_errors(path), replacing(path) as unfinished:
        yield unfinished


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """What goes wrong while writing `path`, as KlingError."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        if error.errno in _FULL:
            problem = Problem(path.name, "does not fit on the disk any more", "Free some space or choose another disk.")
        elif isinstance(error, FileNotFoundError):
            problem = Problem(path.name, f"cannot be written: there is no folder {path.parent}", "Make it first.")
        else:
            problem = Problem(path.name, f"cannot be written: {error.strerror}", "Choose another name or folder.")
        raise KlingError(problem) from error


@contextmanager
def _reading_errors(path: str | Path, kind: str, remedy: str) -> Iterator[None]:
    """What goes wrong while reading `path`, as KlingError."""
    name = Path(path).name
    try:
        yield
    except (av.FFmpegError, EOFError) as error:
        what = f"cannot be read as {kind}: it is something else, damaged or cut short"
        if getattr(error, "errno", None) == errno.EINVAL:  # the answer to max_pixels
            what, remedy = f"has more than {MAX_PICTURE_PIXELS // 10**6} million pixels", "Make it smaller."
        raise KlingError(Problem(name, what, remedy)) from error
    except FileNotFoundError as error:
        raise KlingError(Problem(name, "does not exist", f"Check the path {path}.")) from error
    except OSError as error:
        raise KlingError(Problem(name, f"cannot be opened: {error.strerror}", "Check what it is.")) from error


@contextmanager
def _opened(file: BinaryIO, formats: str, **options: str) -> Iterator[av.container.InputContainer]:
    options = {"format_whitelist": formats, "max_pixels": str(MAX_PICTURE_PIXELS), **options}
    with av.open(file, options=options, metadata_errors="replace") as container:
        for stream in container.streams.video:
            stream.codec_context.options = options
        yield container


def _decode_picture(container: av.container.InputContainer) -> np.ndarray:
    frame = next(container.decode(video=0), None)
    if frame is None:
        raise EOFError
    pixels = frame.to_ndarray(format="rgba")
    alpha = pixels[..., 3:]
    if alpha.min() < 255:
        pixels = (pixels * (alpha / np.float32(255)) + (255 - alpha)).round().astype(np.uint8)
    return pixels[..., :3]


def _exif_orientation(data: bytes) -> int:
    """EXIF's orientation, 1 to 8, of a JPEG, PNG or WebP file; 1 if it has none.

    FFmpeg's own reading of it takes mirrored pictures for turned ones.
    """
    found = re.search(rb"(?:Exif\0\0|eXIf|EXIF.{4})(?:Exif\0\0)?(II\*\0|MM\0\*)", data, re.DOTALL)
    if not found:
        return 1
    tiff, order = data[found.start(1) :][:65536], "little" if found[1] == b"II*\0" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if number(entry, 2) == 0x0112:
            return number(entry + 8, 2)
    return 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    return np.rot90(pixels, {3: 2, 4: 2, 6: 3, 5: 1, 8: 1, 7: 3}.get(orientation, 0))


def _decode_frames(file: BinaryIO) -> tuple[np.ndarray, float, float]:
    """Frames [T, H, W, 3], frames a second, and the time of the first in seconds."""
    frames: list[np.ndarray | None] = []
    start, pixels, to_rgb = 0.0, 0, VideoReformatter()
    with _opened(file, _VIDEOS) as container:
        if not container.streams.video:
            raise EOFError
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            start = start if frames else frame.time or 0.0
            pixels += frame.width * frame.height
            if max(pixels, stream.frames * frame.width * frame.height) > MAX_VIDEO_PIXELS:
                what = f"has more than {MAX_VIDEO_PIXELS // 10**6} million pixels in all its frames"
                raise KlingError(Problem(Path(file.name).name, what, "Make it shorter or smaller."))
            rgb = to_rgb.reformat(frame, width=stream.width, height=stream.height, format="rgb24")
            frames.append(np.rot90(rgb.to_ndarray(), round(frame.rotation / 90) % 4))
        if not frames:
            raise EOFError
        fps = float(stream.average_rate or stream.guessed_rate or 1)
    film = np.empty((len(frames), *frames[0].shape), np.uint8)
    for number in range(len(frames)):
        film[number], frames[number] = frames[number], None  # never the whole film twice in memory
    return film, fps, start


def _decode_sound(file: BinaryIO, rate: int | None) -> tuple[np.ndarray, int, float] | None:
    """Samples [C, N], their rate, and the time of the first in seconds; None if there is no sound track."""
    pieces, start, length = [], 0.0, 0
    with _opened(file, _SOUNDS) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        rate = rate or min(stream.rate, MAX_SOUND_RATE)
        layout = "mono" if stream.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for frame in chain(container.decode(stream), [None]):
            start = start if pieces or frame is None else frame.time or 0.0
            for resampled in resampler.resample(frame):
                pieces.append(resampled.to_ndarray())
                length += pieces[-1].shape[1]
            if length > MAX_SOUND_SECONDS * rate:
                what = f"is longer than {MAX_SOUND_SECONDS // 60} minutes"
                raise KlingError(Problem(Path(file.name).name, what, "Cut out the part you need."))
    if not pieces:
        return None
    return np.nan_to_num(np.concatenate(pieces, 1), posinf=1.0, neginf=-1.0), rate, start
