"""Recordings to log-mel frames."""

from __future__ import annotations

import math
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Annotated

import kaldi_native_fbank as knf
import numpy as np
import soxr
from pydantic import Field, model_validator

from seqarena.config import Strict
from seqarena.data.folders import decoded_at
from seqarena.data.labelled import (
    NOT_OF_MODEL,
    FilesOptions,
    encode_files,
    read_manifest,
    write_labelled,
)
from seqarena.data.modalities.base import Asked, Modality, from_files
from seqarena.data.modalities.recordings import read_samples
from seqarena.data.scaling import scale_by_train
from seqarena.data.splits import assign_splits
from seqarena.data.store import Array, DataSpec
from seqarena.data.targets import TARGETS
from seqarena.errors import InputError

LEAST_STD = 1e-3  # a mel band that never changes stays near 0


class AudioOptions(FilesOptions):
    """How a recording becomes steps; defaults suit speech at telephone quality."""

    sample_rate: Annotated[int, Field(ge=4_000, le=48_000)] = 8_000  # all are resampled to this
    mels: Annotated[int, Field(ge=8, le=128)] = 40  # log-mel bands
    window: Annotated[float, Field(ge=0.005, le=0.2)] = 0.025  # seconds
    shift: Annotated[float, Field(ge=0.005, le=0.2)] = 0.01  # seconds from one step to the next
    cmn: bool = True  # take each recording's own mean off every band: the voice, room and level
    max_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0  # longer recordings are refused

    @model_validator(mode="after")
    def _covers(self) -> AudioOptions:
        if self.shift > self.window:
            raise ValueError(f"shift {self.shift} is above window {self.window}")
        return self


class Audio(Modality):
    """Recordings of any rate and channels as log-mel frames ``(T, mels)``, scaled by train."""

    Options = AudioOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Decode every recording of ``labels.csv`` once; see `Modality.prepare`."""
        assert isinstance(options, AudioOptions)
        targets = TARGETS[options.targets]
        rows = read_manifest(raw / "labels.csv", "file", targets)
        splits = assign_splits(rows, seed=seed, **options.splitting())
        encode = encode_files(self.decode_all, partial(features, options=options), raw)
        written = write_labelled(out, splits, encode, targets, **options.writing())
        mean, std = scale_by_train(out, least_std=LEAST_STD)
        encoding = options.model_dump(exclude=NOT_OF_MODEL)
        return DataSpec(
            modality="audio",
            feature_shape=(options.mels,),
            step="second",
            step_size=options.shift,
            options={**encoding, "mean": mean.tolist(), "std": std.tolist()},
            **written,
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Read one WAV or FLAC file, or all below a folder; see `Modality.stream`."""
        fields = {name: spec.options[name] for name in AudioOptions.model_fields.keys() - _SPLIT}
        options = AudioOptions(**fields)
        mean, std = (np.array(spec.options[name], np.float32) for name in ("mean", "std"))
        recordings = decoded_at(source, "audio", partial(features, options=options))
        return from_files(recordings, lambda frames: (frames - mean) / std)

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by the second at which its window starts: ``0.00``, ``0.01``, …"""
        return [f"{index * spec.step_size:.2f}" for index in range(len(steps))]


_SPLIT = FilesOptions.model_fields.keys()


def features(path: Path, options: AudioOptions) -> Array:
    """Turn one recording into unscaled steps, float32 ``(T, mels)``; raises what `decode` raises.

    Its own mean is taken off each band (cepstral mean normalisation, Atal 1974) if asked for.
    """
    frames = log_mel(decode(path, options), options)
    return frames - frames.mean(axis=0) if options.cmn else frames


def decode(path: Path, options: AudioOptions) -> Array:
    """Decode one recording to mono at ``options.sample_rate``: float32 ``(samples,)`` in ±1.

    Raises `InputError` naming the file when it is missing, corrupt, cut short, empty or too long.
    """
    samples, rate = read_samples(path, options.max_seconds)
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds samples that are not finite numbers")
    mono = samples.mean(axis=1)
    if rate != options.sample_rate:
        mono = soxr.resample(mono, rate, options.sample_rate)
    if len(mono) < math.ceil(options.window * options.sample_rate):
        seconds = len(mono) / options.sample_rate
        raise InputError(f"{path}: {seconds:.3f} s, shorter than one window ({options.window} s)")
    return np.asarray(mono, np.float32)


def log_mel(samples: Array, options: AudioOptions) -> Array:
    """Turn samples ``(samples,)`` into log-mel frames, float32 ``(T, mels)``.

    Kaldi's filter bank (Povey et al. 2011) without dither, so that it is deterministic. Samples
    stay in ±1, where its floor (2^-23 before the log) lies some 80 dB below full scale:
    digital silence is then quiet, not an outlier.
    """
    bank = knf.FbankOptions()
    bank.frame_opts.samp_freq = options.sample_rate
    bank.frame_opts.frame_length_ms = options.window * 1000
    bank.frame_opts.frame_shift_ms = options.shift * 1000
    bank.frame_opts.dither = 0.0
    bank.mel_opts.num_bins = options.mels
    computer = knf.OnlineFbank(bank)
    computer.accept_waveform(options.sample_rate, samples)
    computer.input_finished()
    return np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)])
