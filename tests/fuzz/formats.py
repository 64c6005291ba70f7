"""Valid small files of every format, made by the project's own writers, and who reads them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pandas as pd
import soundfile
import torch
import yaml
from PIL import Image
from tests.conftest import SPECS, write_prepared
from tests.support import save_trained

from seqarena.config import Experiment, experiment_names, parse
from seqarena.data.modalities.audio import AudioOptions, features
from seqarena.data.modalities.image import ImageOptions, decode
from seqarena.data.modalities.music import piano_roll
from seqarena.data.modalities.series import Series, SeriesOptions
from seqarena.data.modalities.signal import Signal
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.modalities.video import VideoOptions, as_asked
from seqarena.data.sound import write_midi
from seqarena.data.store import Array, DataSpec, Prepared
from seqarena.datasets import dataset
from seqarena.datasets.moving_digits import encode
from seqarena.datasets.sources import unpack
from seqarena.errors import InputError
from seqarena.experiments import load
from seqarena.fit import Training
from seqarena.predict import Predictor
from seqarena.search.checkpoints import Checkpoints
from seqarena.tracking.ledger import Ledger

Write = Callable[[Path, int], None]  # a valid file at a path; the second is another than the first
Read = Callable[[Path], Any]


class Format(NamedTuple):
    """How a valid file is written, how any is read, and what it is called."""

    write: Write
    read: Read
    name: str = "file"
    text: bool = False
    costly: bool = False  # tried a tenth as often
    decoded: bool = False  # read in a child process


def read_as(modality: str, options: dict[str, Any]) -> DataSpec:
    return DataSpec(
        modality=modality,
        feature_shape=(),
        max_length=64,
        step="step",
        step_size=0.5,
        options=options,
    )


def _random(number: int) -> np.random.Generator:
    return np.random.default_rng(number)


# Media.


def _write_sound(kind: str) -> Write:
    def write(path: Path, number: int) -> None:
        samples = _random(number).normal(scale=0.1, size=(2000, 1 + number))
        soundfile.write(path, samples, 8000, format=kind, subtype="PCM_16")

    return write


def _write_packed(path: Path, number: int) -> None:
    samples = _random(number).normal(scale=0.1, size=(1, 4000)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 8000
        for part in av.AudioResampler("fltp", "mono", 8000, 1024).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def _write_clip(path: Path, number: int) -> None:
    frames = _random(number).integers(0, 256, (6 + number, 32, 32))
    encode(path, frames.astype(np.uint8))


def _write_picture(kind: str) -> Write:
    def write(path: Path, number: int) -> None:
        shape = (24, 20, 4) if number and kind == "PNG" else (24, 20, 3)
        Image.fromarray(_random(number).integers(0, 256, shape).astype(np.uint8)).save(path, kind)

    return write


def _write_score(path: Path, number: int) -> None:
    write_midi(path, (_random(number).random((24, 88)) < 0.05).astype(np.uint8), 2)


# Tables.


def _write_examples(path: Path, number: int) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("text", "label", "split", "group"))
        for row in range(12):
            split = ("train", "train", "valid", "test")[row % 4]
            table.writerow((f'a "{row}", film {number}', "ab"[row % 3 > 0], split, f"g{row}"))


def _read_examples(path: Path) -> object:
    return Text().prepare(path.parent, _emptied(path), TextOptions(min_count=1), seed=0)


def _write_series(path: Path, number: int) -> None:
    times = pd.date_range("2020-03-01", periods=60 + number, freq="h")
    noise = _random(number).normal(size=len(times))
    pd.DataFrame({"ts": times, "y": noise, "x": noise.round()}).to_csv(path, index=False)


def _read_series(path: Path) -> object:
    options = SeriesOptions(
        time="ts", target="y", covariates=("x",), lookback=4, horizon=2, season=3
    )
    return Series().prepare(path.parent, _emptied(path), options, seed=0)


def _write_signal(path: Path, number: int) -> None:
    numbers = _random(number).normal(size=(9 + number, 2))
    pd.DataFrame(numbers, columns=["left", "right"]).to_csv(path, index=False)


def _read_signal(path: Path) -> object:
    options = {
        "channels": ["left", "right"],
        "max_length": None,
        "mean": [0.0] * 2,
        "std": [1.0] * 2,
    }
    return Signal().read(str(path), read_as("signal", options))


def _write_parquet(path: Path, number: int) -> None:
    table = {
        "text": [f"film {n}" for n in range(20 + number)],
        "label": _random(number).random(20 + number),
    }
    pd.DataFrame(table).to_parquet(path, compression=("snappy", "gzip")[number])


def _read_parquet(path: Path) -> object:
    return dataset(str(path), "text").write(_emptied(path))


def _emptied(path: Path) -> Path:
    """Return an empty folder beside a file."""
    folder = path.with_name("out")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


# What the project writes for itself.


def _write_params(path: Path, number: int) -> None:
    params = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    chosen = ("sentiment", "forecast", "captcha") if number else ("spoken_digits", "music", "copy")
    params["experiments"] = {name: params["experiments"][name] for name in chosen}
    path.write_text(yaml.safe_dump(params))


def _read_params(path: Path) -> object:
    return [load(name, path) for name in experiment_names(path)]


def _write_spec(path: Path, number: int) -> None:
    path.write_text(json.dumps(asdict(SPECS["series" if number else "text"]), indent=2))


def _read_spec(path: Path) -> object:
    return Prepared(path.parent).spec


def _write_ledger(path: Path, number: int) -> None:
    ledger = Ledger(path, "toy")
    for trial in range(2 + number):
        run = ledger.start(
            "trial", f"gru {trial}", params={"width": 8}, tags={"a": "b"}, key=f"k{trial}"
        )
        ledger.metrics(run, 1, {"valid_accuracy": 0.5, "valid_loss": float("nan")})
        ledger.tag(run, {"outcome": "finished"})
        ledger.end(run, "FINISHED", "", {"outcome": "finished", "epochs": 1, "best": [0.5, 1.0]})


def _read_ledger(path: Path) -> object:
    ledger = Ledger(path, "toy")
    return ledger.runs(), ledger.last("k0"), ledger.open_runs()


@cache
def _trained(folder: Path) -> tuple[Training, Path]:
    data = write_prepared(folder / "data", SPECS["text"])
    section = {
        "data": "movie_reviews",
        "modality": "text",
        "task": "classification",
        "metric": "accuracy",
        "variants": ("gru",),
        "protocol": {"epochs": 2, "batch_size": 8},
    }
    chosen = {"learning_rate": 0.01, "width": 8, "dropout": 0.0, "weight_decay": 0.0}
    chosen |= {"embedding": 8, "embedding_std": 0.1}
    training = Training(parse(Experiment, section, "fuzz"), Prepared(data), "gru", chosen, 0)
    training.advance()
    return training, data


def _state(path: Path) -> bytes:
    file = io.BytesIO()
    torch.save(_trained(path.parent)[0].state_dict(), file)
    return file.getvalue()


def _write_checkpoint(path: Path, number: int) -> None:
    path.write_bytes(_state(path))


def _read_checkpoint(path: Path) -> None:
    """Put it in the place of the one that was kept, and go on from it as a search does."""
    checkpoints = Checkpoints(_emptied(path))
    checkpoints.save("run", 1, _state(path))
    (kept,) = checkpoints.folder.iterdir()
    shutil.copyfile(path, kept)
    last = checkpoints.last("run")
    if last is None:
        raise InputError(f"{kept}: damaged, and not used")
    state = torch.load(io.BytesIO(last.read()), map_location="cpu", weights_only=True)
    _trained(path.parent)[0].load_state_dict(state)


def _write_model(part: str) -> Write:
    """Write a whole model beside the file, which is a part of it."""

    def write(path: Path, number: int) -> None:
        folder = save_trained(
            path.with_name("model"), _trained(path.parent)[0], "classification", "gru"
        )
        shutil.copyfile(folder / part, path)

    return write


def _read_model(part: str) -> Read:
    def read(path: Path) -> Array:
        folder = _emptied(path)
        save_trained(folder, _trained(path.parent)[0], "classification", "gru")
        shutil.copyfile(path, folder / part)
        return Predictor(folder).predict([np.arange(2, 6)])[0]["label"]

    return read


def _write_array(path: Path, number: int) -> None:
    shutil.copyfile(_trained(path.parent)[1] / "train/lengths.npy", path)


def _read_array(name: str) -> Read:
    def read(path: Path) -> object:
        folder = _emptied(path) / "train"
        shutil.copytree(_trained(path.parent)[1] / "train", folder)
        shutil.copyfile(path, folder / f"{name}.npy")
        shutil.copyfile(_trained(path.parent)[1] / "spec.json", folder.parent / "spec.json")
        split = Prepared(folder.parent).split("train")
        return [split.sequence(index).sum() for index in range(len(split))]

    return read


def _write_archive(kind: str) -> Write:
    def write(path: Path, number: int) -> None:
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in ("top/a.txt", "top/b/c.bin"):
                    archive.writestr(name, bytes(300 + number))
        else:
            with tarfile.open(path, ("w", "w:gz")[number]) as archive:
                for name in ("top/a.txt", "top/b/c.bin"):
                    info = tarfile.TarInfo(name)
                    info.size = 300
                    archive.addfile(info, io.BytesIO(bytes(300)))

    return write


def _read_archive(path: Path) -> None:
    unpack(path, _emptied(path))


_SOUND = partial(features, options=AudioOptions())
_PICTURE = partial(decode, options=ImageOptions())

FORMATS = {
    "wav": Format(_write_sound("WAV"), _SOUND, decoded=True),
    "flac": Format(_write_sound("FLAC"), _SOUND, decoded=True),
    "m4a": Format(_write_packed, _SOUND, "sound.m4a", decoded=True),
    "mp4": Format(_write_clip, as_asked(VideoOptions()), "clip.mp4", costly=True, decoded=True),
    "png": Format(_write_picture("PNG"), _PICTURE, decoded=True),
    "jpeg": Format(_write_picture("JPEG"), _PICTURE, decoded=True),
    "midi": Format(_write_score, partial(piano_roll, steps_per_quarter=2), decoded=True),
    "csv of texts": Format(_write_examples, _read_examples, "examples.csv", text=True),
    "csv of a series": Format(_write_series, _read_series, "series.csv", text=True),
    "csv of a signal": Format(_write_signal, _read_signal, text=True),
    "parquet": Format(_write_parquet, _read_parquet, "table.parquet"),
    "params.yaml": Format(_write_params, _read_params, "params.yaml", text=True),
    "spec.json": Format(_write_spec, _read_spec, "spec.json", text=True),
    "ledger.jsonl": Format(_write_ledger, _read_ledger, text=True),
    "checkpoint": Format(_write_checkpoint, _read_checkpoint),
    "model weights": Format(
        _write_model("weights.safetensors"), _read_model("weights.safetensors")
    ),
    "model.json": Format(_write_model("model.json"), _read_model("model.json"), text=True),
    "prepared array": Format(_write_array, _read_array("lengths")),
    "zip": Format(_write_archive("zip"), _read_archive),
    "tar": Format(_write_archive("tar"), _read_archive),
}
