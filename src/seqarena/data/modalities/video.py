"""Clips: MP4 and AVI files to frames, decoded in child processes."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from seqarena.config import Strict
from seqarena.data.labelled import (
    LabelledOptions,
    assign_splits,
    read_manifest,
    write_labelled,
)
from seqarena.data.modalities.base import Modality
from seqarena.data.pixels import mean_and_std
from seqarena.data.store import Array, DataSpec, Split
from seqarena.data.targets import TARGETS
from seqarena.errors import InputError

SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".webm"}
PROCESSES = 2
MEMORY = 2 << 30  # bytes of address space that a child may have
TIMEOUT = 60.0  # seconds for one clip

Side = Annotated[int, Field(ge=4, le=512)]


class VideoOptions(LabelledOptions):
    """How a clip becomes steps."""

    height: Side = 32
    width: Side = 32
    colour: bool = False  # three channels instead of one
    max_frames: Annotated[int, Field(ge=1, le=10_000)] = 256  # kept; longer clips are refused
    every_nth: Annotated[int, Field(ge=1)] = 1  # of the clip's frames is kept


class Video(Modality):
    """Clips as frames uint8 ``(T, C, H, W)``; models scale them by the mean and std in the spec."""

    Options = VideoOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Decode every clip of ``labels.csv`` once; see `Modality.prepare`."""
        assert isinstance(options, VideoOptions)
        targets = TARGETS[options.targets]
        rows = read_manifest(raw / "labels.csv", "file", targets.column)
        splits = assign_splits(rows, valid=options.valid, test=options.test, seed=seed)
        with decoders(options) as submit:
            clips = {row.item: submit(raw / row.item) for row in rows}
            written = write_labelled(out, splits, lambda row: clips.pop(row.item).result(), targets)
        return DataSpec(
            modality="video",
            dtype="uint8",
            feature_shape=(3 if options.colour else 1, options.height, options.width),
            step="frame",
            step_size=1.0,
            pixel_stats=mean_and_std(Split(out / "train").inputs),
            options=options.model_dump(exclude={"valid", "test"}),
            **written,
        )

    def read(self, source: str, spec: DataSpec) -> list[tuple[str, Array]]:
        """Read one clip, or all below a folder; see `Modality.read`."""
        options = VideoOptions(**spec.options)
        with decoders(options) as submit:
            clips = [(path.name, submit(path)) for path in _clips(Path(source))]
            return [(name, clip.result()) for name, clip in clips]

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its number: ``1``, ``2``, …"""
        return [str(number + 1) for number in range(len(steps))]


@contextmanager
def decoders(options: VideoOptions) -> Iterator[Callable[[Path], Future[Array]]]:
    """Yield a function that hands a clip to one of a few child processes.

    Its future gives uint8 ``(T, C, H, W)``, or raises `InputError` naming the clip that is
    missing, damaged, cut short or too long, or at which the child crashed or hung.
    """
    children = [_Child(options) for _ in range(PROCESSES)]
    idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
    for child in children:
        idle.put(child)

    def decode(path: Path) -> Array:
        child = idle.get()
        try:
            return child.decode(path)
        finally:
            idle.put(child)

    with ThreadPoolExecutor(PROCESSES) as pool:
        try:
            yield lambda path: pool.submit(decode, path)
        finally:
            pool.shutdown(cancel_futures=True)  # after an error the rest is not wanted
            for child in children:
                child.close()


class _Child:
    """One process of `video_decoder`; after a crash the next clip gets a new one."""

    def __init__(self, options: VideoOptions) -> None:
        self.request = options.model_dump(exclude=set(LabelledOptions.model_fields))
        self.process: subprocess.Popen[bytes] | None = None

    def decode(self, path: Path) -> Array:
        if not path.is_file():
            raise InputError(f"{path}: no such clip")
        process = self.process or self._start()
        try:
            self.connection.send_bytes(json.dumps({**self.request, "path": str(path)}).encode())
            if not self.connection.poll(TIMEOUT):
                self.close()
                raise InputError(f"{path}: not decoded within {TIMEOUT:g} s")
            answer = json.loads(self.connection.recv_bytes())
            if "error" in answer:
                raise InputError(f"{path}: not a readable clip: {answer['error']}")
            pixels = np.frombuffer(self.connection.recv_bytes(), np.uint8)
        except (EOFError, OSError) as error:
            reason = self._last_words(process)
            self.close()
            raise InputError(f"{path}: not a readable clip: {reason}") from error
        channels = 3 if self.request["colour"] else 1
        shape = (answer["frames"], channels, self.request["height"], self.request["width"])
        return pixels.reshape(shape)

    def _start(self) -> subprocess.Popen[bytes]:
        ours, theirs = socket.socketpair()
        self.connection = Connection(ours.detach())
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the child)
        script = [sys.executable, "-P", str(Path(__file__).with_name("video_decoder.py"))]
        with theirs:
            self.process = subprocess.Popen(
                [*script, str(theirs.fileno()), str(MEMORY)],
                pass_fds=[theirs.fileno()],
                stderr=self.stderr,
            )
        return self.process

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        code = process.wait(TIMEOUT)
        if code < 0:
            return f"the decoder crashed on it ({signal.Signals(-code).name})"
        self.stderr.seek(0)
        lines = self.stderr.read().decode(errors="replace").strip().splitlines()
        return f"the decoder failed ({lines[-1] if lines else f'exit code {code}'})"

    def close(self) -> None:
        if self.process is not None:
            self.connection.close()
            self.process.kill()
            self.process.wait()
            self.stderr.close()
            self.process = None


def _clips(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise InputError(f"{source}: no clips ({', '.join(sorted(SUFFIXES))}) in this folder")
    return found
