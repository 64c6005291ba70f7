"""Recordings to samples: by libsndfile, or by FFmpeg where that knows the container alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from seqarena.data.children import alive
from seqarena.data.store import Array
from seqarena.errors import InputError

# Beyond these a header is taken for damaged, before it can claim memory.
MAX_RATE, MAX_CHANNELS = 384_000, 8
BY_FFMPEG = (".m4a", ".aac", ".wma", ".webm")


def read_samples(path: Path, max_seconds: float) -> tuple[Array, int]:
    """Read a recording: float32 ``(samples, channels)`` in ±1, and samples per second.

    Raises `InputError` naming the file when it is missing, corrupt, cut short, empty or too long.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recording")
    if path.suffix.lower() in BY_FFMPEG:
        return _by_ffmpeg(path, max_seconds)
    _refuse_cut_short(path)
    try:
        with soundfile.SoundFile(path) as file:
            _check(path, file.samplerate, file.channels)
            _check_length(path, file.frames / file.samplerate, max_seconds)
            return file.read(dtype="float32", always_2d=True), file.samplerate
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: not a readable recording: {error.error_string}") from error


def _by_ffmpeg(path: Path, max_seconds: float) -> tuple[Array, int]:
    av.logging.set_level(av.logging.PANIC)  # what is wrong is raised, not printed
    parts: list[Array] = []
    rate = found = 0
    try:
        with av.open(str(path)) as container:
            stream = _stream(container)
            rate = stream.rate
            _check(path, rate, stream.channels)
            for part in _parts(container, stream):
                parts.append(part)
                found += len(part)
                if found > max_seconds * rate:
                    break
                alive()
    except (ValueError, av.FFmpegError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise InputError(f"{path}: not a readable recording: {reason}") from error
    _check_length(path, found / rate, max_seconds)
    return np.concatenate(parts), rate


def _parts(container: Any, stream: Any) -> Iterator[Array]:
    """Yield samples ``(n, channels)``, and refuse a recording that was cut short."""
    to_floats, packets = av.AudioResampler(format="fltp"), 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise ValueError(f"cut short or damaged after {packets} packets")
        packets += packet.size > 0
        for frame in packet.decode():
            yield from (floats.to_ndarray().T for floats in to_floats.resample(frame))
    if packets < stream.frames:
        raise ValueError(f"cut short: {packets} packets of {stream.frames}")


def _stream(container: Any) -> Any:
    if not container.streams.audio:
        raise ValueError("holds no sound")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise ValueError("of a codec that FFmpeg does not know")
    return stream


def _check(path: Path, rate: int, channels: int) -> None:
    if rate > MAX_RATE or channels > MAX_CHANNELS:
        found = f"{channels} channels at {rate} Hz"
        raise InputError(f"{path}: {found}; at most {MAX_CHANNELS} at {MAX_RATE} Hz")


def _check_length(path: Path, seconds: float, max_seconds: float) -> None:
    if seconds > max_seconds:
        raise InputError(f"{path}: {seconds:.1f} s, more than max_seconds ({max_seconds})")
    if not seconds:
        raise InputError(f"{path}: holds no samples")


def _refuse_cut_short(path: Path) -> None:
    """Refuse a WAV that is shorter than its header says: libsndfile reads what is left of it."""
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        raise InputError(f"{path}: empty file")
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    (size,) = struct.unpack("<I", head[4:8])
    # A writer that could not seek back leaves the largest size: length unknown, nothing cut.
    if size < 0x7FFFFFFF and path.stat().st_size < size:
        raise InputError(f"{path}: cut short: {path.stat().st_size} bytes of {size + 8}")
