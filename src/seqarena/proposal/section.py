"""An experiment over data that was looked at, and its section of params.yaml."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from seqarena.baselines.registry import BASELINES
from seqarena.config import PARAMS, Reading, read_params
from seqarena.datasets.own.pin import digest
from seqarena.datasets.own.tables import examples_are_rows
from seqarena.errors import InputError
from seqarena.files import new_file
from seqarena.models.variants import VARIANTS
from seqarena.tasks import task_for

JUDGED_BY = 30  # groups of test; a verdict by fewer decides little
MOST_OF_TEST = 0.3  # of all groups
FEWEST_GROUPS = 10  # in all; of fewer no share would do
OF_CLASSES = ("window_mlp", "conv1d", "gru", "lstm", "bilstm", "lstm_attention")
OF_NUMBERS = ("window_mlp", "conv1d", "gru", "lstm", "lstm_attention")
OF_CLIPS = ("window_mlp", "gru", "cnn_lstm", "conv_lstm")
# What is worth comparing first, the costliest last: by task and modality, or by task alone.
CONTENDERS: dict[tuple[str, str] | str, tuple[str, ...]] = {
    "classification": OF_CLASSES,
    ("classification", "video"): OF_CLIPS,
    "multi_label_classification": OF_CLASSES,
    ("multi_label_classification", "video"): OF_CLIPS,
    "regression": OF_NUMBERS,
    ("regression", "video"): OF_CLIPS,
    "forecasting": OF_NUMBERS,
    "quantile_forecasting": OF_NUMBERS,
    "labelling": ("lstm", "gru", "bilstm", "bigru"),
    ("labelling", "text"): ("lstm", "gru", "bilstm", "bigru", "bilstm_crf"),
    ("labelling", "video"): ("cnn_lstm", "cnn_bilstm", "conv_lstm"),
    "transduction": ("lstm", "lstm_attention"),
    ("transduction", "audio"): ("stacked_bilstm_ctc", "stacked_bilstm_forward"),
    ("transduction", "image"): ("bilstm_ctc", "bilstm_forward"),
    "language_modelling": ("gru", "lstm"),
    "music_modelling": ("rnn", "gru", "lstm"),
}
METRICS = {
    "classification": "accuracy",
    "multi_label_classification": "micro_f1",
    "regression": "mae",
    "forecasting": "mae",
    "quantile_forecasting": "crps",
    "labelling": "macro_f1",
    "language_modelling": "perplexity",
    "music_modelling": "nll",
}
UNEVEN = 1.4  # times its even share that the largest class has: then accuracy says little
SEEN = 60_000  # examples that a training sees at most
SEEN_TO_WRITE = 120_000  # of sequences: half brought translations to less than half the BLEU
EPOCH = 8_000  # examples of an epoch, at most
FEWEST_EPOCHS, MOST_EPOCHS = 6, 60


def metric_of(task: str, answers: Counter[str] | None = None, unit: str | None = None) -> str:
    """Return what judges a task by its answers, and, of what is written, by their unit."""
    if task == "transduction":
        return "cer" if unit == "characters" else "bleu"
    if task == "classification" and answers is not None and _is_uneven(answers):
        return "macro_f1"
    return METRICS[task]


def _is_uneven(classes: Counter[str]) -> bool:
    """Tell whether the largest class has far more than its even share."""
    return classes.most_common(1)[0][1] * len(classes) > UNEVEN * classes.total()


def share_of_test(groups: int) -> dict[str, float]:
    """Return how much of so many groups is test, where the usual tenth is too few to judge by."""
    if not FEWEST_GROUPS <= groups < 10 * JUDGED_BY:
        return {}
    return {"test": round(min(MOST_OF_TEST, JUDGED_BY / groups), 2)}


@dataclass
class Proposal:
    """What was found, and the experiment that it suggests."""

    data: str
    modality: str
    task: str
    metric: str
    examples: int
    reading: Reading
    columns: dict[str, str] = field(default_factory=dict)
    files: str | None = None  # the folder of those that a table lists, if not its own
    names: str | None = None  # what the names of files say
    in_rows: list[str] = field(default_factory=list)  # channels of the signals in its rows
    prepare: dict[str, Any] = field(default_factory=dict)
    hourly: bool = False  # of a series: whether it has weeks of hours, beside its season

    @property
    def of_rows(self) -> bool:
        """Whether its examples are rows of a table, and not files."""
        return examples_are_rows(self.modality, self.in_rows)

    def section(self, protocol: str | None) -> dict[str, Any]:
        """Return it as a section of params.yaml, under a named protocol where there is one.

        It has the digest of the files as they are now.
        """
        task = task_for(self.task)
        known = CONTENDERS.get((self.task, self.modality)) or CONTENDERS[self.task]
        named = {"name": protocol} if protocol else {}
        seen = SEEN_TO_WRITE if self.task == "transduction" else SEEN
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, seen // max(1, min(self.examples, EPOCH))))
        batch = 16 if self.examples < 2_000 else 32  # 64 are as slow, and half the updates
        budget = {**named, "seed": 0, "epochs": epochs, "batch_size": batch}
        if self.examples > EPOCH:
            budget["epoch_examples"] = EPOCH
        own: dict[str, Any] = {"path": self.data}
        if self.columns:
            own["columns"] = self.columns
        own |= self.reading.model_dump(exclude_defaults=True)
        if self.files:
            own["files"] = self.files
        if self.names:
            own["names"] = self.names
        if self.in_rows:
            own["in_rows"] = self.in_rows
        own["sha256"] = digest(Path(self.data), self.of_rows, self.files)
        return {  # every key, also the empty ones: DVC follows them one by one
            "data": own,
            "modality": self.modality,
            "task": self.task,
            "metric": self.metric,
            "prepare": self.prepare,
            "baselines": self._baselines(),
            "variants": [name for name in known if not task.incompatibility(VARIANTS[name])],
            "space": {},
            "protocol": budget,
        }

    def _baselines(self) -> list[str]:
        fitting = [
            name
            for name, baseline in BASELINES.items()
            if baseline.task == self.task
            and self.modality in baseline.modalities
            and self.metric not in baseline.without
        ]
        two_seasons = self.prepare.get("lookback", 0) >= 2 * self.prepare.get("season", 0)
        named = {"seasonal_naive_day": False, "seasonal_naive_week": self.hourly}
        named |= dict.fromkeys(("ets", "ets_quantiles"), two_seasons)
        if self.prepare.get("irregular"):  # all of these know steps, and not when a row comes
            named |= dict.fromkeys((*named, "seasonal_naive", "seasonal_naive_quantiles"), False)
        return [name for name in fitting if named.get(name, True)]


def written(name: str, section: dict[str, Any], indent: int = 2) -> str:
    """Return a section as it stands in params.yaml."""
    text = yaml.safe_dump(
        {name: section}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=96
    )
    return "".join(f"{' ' * indent}{line}" for line in text.splitlines(keepends=True))


def add_section(name: str, section: dict[str, Any], path: Path = PARAMS) -> None:
    """Write an experiment into params.yaml as its last, and leave all else as it is.

    Raises `InputError` for a name that is taken.
    """
    if name in read_params(path)["experiments"]:
        raise InputError(f"{path}: experiments.{name}: is there already; choose another name")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    top = YAML().load(io.StringIO("".join(lines)))  # knows where each key stands
    experiments = top["experiments"]
    starts = sorted(top.lc.key(key)[0] for key in top)
    here = top.lc.key("experiments")[0]
    end = next((start for start in starts if start > here), len(lines))
    while end > here + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    indent = experiments.lc.key(next(iter(experiments)))[1] if experiments else 2
    if not experiments:
        lines[here] = "experiments:\n"
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    gap = "\n" if experiments else ""
    lines.insert(end, gap + written(name, section, indent))
    with new_file(path) as partial:
        partial.write_text("".join(lines), encoding="utf-8")
