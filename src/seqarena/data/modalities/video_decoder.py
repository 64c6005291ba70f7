"""The child process that decodes clips: ``python video_decoder.py FD LIMIT``.

FFmpeg can crash on a damaged file, which no except clause catches, and can ask for any amount of
memory; a child with a limit can die of it alone. It answers each request (JSON: ``path``,
``height``, ``width``, ``colour``, ``max_frames``, ``every_nth``) that it receives over the socket
FD with a JSON object: either ``{"error": …}``, or ``{"frames": T}`` and then the pixels
``(T, C, H, W)``. It imports nothing of seqarena.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

MAX_SIDE = 8192  # pixels; beyond, a header is taken for damaged


def decode(request: dict[str, Any]) -> NDArray[np.uint8]:
    """Decode a clip to resized frames ``(T, C, H, W)``; raises `ValueError` or `FFmpegError`."""
    form = {
        "width": request["width"],
        "height": request["height"],
        "format": "rgb24" if request["colour"] else "gray",
        "interpolation": Interpolation.AREA,
    }
    resize = VideoReformatter()  # one for the clip: each builds its scaler anew
    frames: list[NDArray[np.uint8]] = []
    with av.open(request["path"]) as container:
        for frame in _kept(container, request["every_nth"]):
            if len(frames) == request["max_frames"]:
                raise ValueError(f"more than max_frames ({len(frames)}) frames")
            pixels = np.asarray(resize.reformat(frame, **form).to_ndarray(), np.uint8)
            frames.append(np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 2, 0))
    if not frames:
        raise ValueError("holds no frames")
    return np.stack(frames)


def _kept(container: Any, every_nth: int) -> Iterator[Any]:
    """Yield every nth frame of the first video stream, and refuse a clip that was cut short."""
    if container.format.name.endswith("_pipe"):  # FFmpeg reads a picture as a clip of one frame
        raise ValueError("a picture, not a clip")
    if not container.streams.video:
        raise ValueError("holds no video")
    stream = container.streams.video[0]
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


def main() -> None:
    """Answer requests until the other end hangs up."""
    connection = Connection(int(sys.argv[1]))
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    av.logging.set_level(av.logging.PANIC)  # errors are answers here, not lines on the terminal
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            frames = decode(request)
        except MemoryError:
            connection.send_bytes(json.dumps({"error": "needs too much memory"}).encode())
        except (ValueError, av.FFmpegError) as error:
            message = error.strerror if isinstance(error, av.FFmpegError) else str(error)
            connection.send_bytes(json.dumps({"error": message}).encode())
        else:
            connection.send_bytes(json.dumps({"frames": len(frames)}).encode())
            connection.send_bytes(frames.tobytes())


if __name__ == "__main__":
    main()
