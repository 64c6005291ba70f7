"""Clips to frames, by FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from seqarena.data.children import alive
from seqarena.data.store import Array
from seqarena.errors import InputError

MAX_SIDE = 8192  # pixels; beyond, a header is taken for damaged


def decode(
    path: Path, *, height: int, width: int, colour: bool, max_frames: int, every_nth: int
) -> Array:
    """Decode a clip to resized frames, uint8 ``(T, C, H, W)``.

    Raises `InputError` naming the clip that is missing, damaged, cut short or too long. FFmpeg may
    also crash on one: see `seqarena.data.children`.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such clip")
    av.logging.set_level(av.logging.PANIC)  # what is wrong is raised, not printed
    form: dict[str, Any] = {
        "format": "rgb24" if colour else "gray",
        "interpolation": Interpolation.AREA,
    }
    resize = VideoReformatter()  # one for the clip: each builds its scaler anew
    frames: list[Array] = []
    try:
        with av.open(str(path)) as container:
            for frame in _kept(container, every_nth):
                if len(frames) == max_frames:
                    raise ValueError(f"more than max_frames ({max_frames}) frames")
                turns = round(frame.rotation / 90) % 4  # as a phone held sideways asks for
                tall, wide = (width, height) if turns % 2 else (height, width)
                small = resize.reformat(frame, width=wide, height=tall, **form)
                pixels = np.asarray(small.to_ndarray(), np.uint8).reshape(tall, wide, -1)
                frames.append(np.moveaxis(np.rot90(pixels, turns), 2, 0))
                alive()
        if not frames:
            raise ValueError("holds no frames")
    except (ValueError, av.FFmpegError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise InputError(f"{path}: not a readable clip: {reason}") from error
    return np.stack(frames)


def _kept(container: Any, every_nth: int) -> Iterator[Any]:
    """Yield every nth frame of the first video stream, and refuse a clip that was cut short."""
    if container.format.name.endswith("_pipe"):  # FFmpeg reads a picture as a clip of one frame
        raise ValueError("a picture, not a clip")
    if not container.streams.video:
        raise ValueError("holds no video")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise ValueError("of a codec that FFmpeg does not know")
    if max(stream.width, stream.height) > MAX_SIDE:
        raise ValueError(f"frames of {stream.width}x{stream.height}; at most {MAX_SIDE} a side")
    stream.thread_count = 1  # clips are decoded side by side instead
    count = packets = 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise ValueError(f"cut short or damaged after {packets} frames")
        packets += packet.size > 0
        for frame in packet.decode():
            if count % every_nth == 0:
                yield frame
            count += 1
    if packets < stream.frames:
        raise ValueError(f"cut short: {packets} frames of {stream.frames}")
