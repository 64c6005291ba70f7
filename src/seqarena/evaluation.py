"""The test split, touched once by the finals: scores, pictures, comparison and verdict."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqarena.compare.plots.results import learning_curves, scores
from seqarena.compare.statistics import compare, mean_interval
from seqarena.compare.verdict import verdict
from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.experiments import Arena
from seqarena.files import new_folder, read_json, write_json
from seqarena.fit import answers
from seqarena.ledger import Ledger
from seqarena.models.baselines import BASELINES
from seqarena.models.model import Output
from seqarena.pictures import draw_final
from seqarena.pictures.decodings import draw_decodings
from seqarena.pictures.gates import gates_of
from seqarena.pictures.gradients import draw_gradients
from seqarena.pictures.lengths import draw_lengths
from seqarena.predict import Predictor
from seqarena.recorder import Recorder
from seqarena.tasks import add

BATCH = 256
Record = dict[str, Any]  # of a final, as `train_finals` left it


@dataclass(frozen=True)
class Tested:
    """What one final, or one baseline, came to on the test split."""

    answers: list[Any]  # of each example, as `Task.rows` has it
    metrics: dict[str, float]
    per_example: Array  # (N,) of the experiment's metric
    weights: dict[int, Array]  # example -> attention (heads, U, S), for the examples drawn


def evaluate_finals(arena: Arena, recorder: Recorder) -> dict[str, Any]:
    """Test every final and baseline; write the results of the experiment and return its summary.

    Writes ``summary.json``, ``comparison.json``, ``scores.csv``, ``plots/`` and ``finals/`` under
    ``results/<experiment>``.
    """
    prepared = Prepared(arena.prepared)
    spec, test = prepared.spec, prepared.split("test")
    records: list[Record] = read_json(arena.models / "finals.json")
    finals = {
        variant: [record for record in records if record["variant"] == variant]
        for variant in arena.config.variants
    }
    plots, ledger = arena.results / "plots", recorder.ledger
    with ledger.running("verdict", "verdict", tags=recorder.tags) as run:
        with new_folder(arena.results / "finals") as drawings, new_folder(plots) as partial:
            with _painters() as paint:
                tested = _test_finals(arena, recorder, finals, test, paint, drawings)
                baselines = {
                    name: test_baseline(BASELINES[name].answer(prepared), test, arena, spec)
                    for name in arena.config.baselines
                }
                summary = _summarise(arena, finals, tested, baselines, test)
                _draw_experiment(arena, summary, finals, paint, partial)
                _diagnose(arena, prepared, finals, tested, baselines, summary, partial)
            told = [plots / path.name for path in sorted(partial.iterdir())]
            _show_first(finals, drawings, partial)
        _record(arena, ledger, run, finals, summary, told)
    return summary


Paint = Callable[..., None]  # takes what draws, and its arguments


@contextmanager
def _painters() -> Iterator[Paint]:
    """Draw in processes of their own, beside the tests: matplotlib takes longer than the models.

    All is drawn when the block ends; meanwhile torch leaves them their cores.
    """
    cores = os.cpu_count() or 1
    count = min(4, cores)
    drawing: list[Future[None]] = []
    torch.set_num_threads(max(1, cores - count))
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        try:
            yield lambda draw, *what: drawing.append(pool.submit(draw, *what))
            for picture in drawing:
                picture.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _test_finals(
    arena: Arena,
    recorder: Recorder,
    finals: dict[str, list[Record]],
    test: Split,
    paint: Paint,
    drawings: Path,
) -> dict[str, list[Tested]]:
    """Test every final, add its figures and its model to its run, and have it drawn."""
    drawn = _drawn(test, arena.config.protocol.seed)
    tested: dict[str, list[Tested]] = {variant: [] for variant in finals}
    for final in (final for group in finals.values() for final in group):
        predictor = Predictor(_model(arena, final))
        outcome = test_model(predictor, test, arena, drawn)
        tested[final["variant"]].append(outcome)
        what = arena.config.task, final["variant"], outcome.answers, outcome.weights, drawn
        gates = gates_of(predictor.model, test.sequence(drawn[0]))
        paint(draw_final, drawings / _name(final), arena.prepared, *what, gates)
        values = {f"test_{name}": value for name, value in outcome.metrics.items()}
        recorder.ledger.metrics(final["run"], final["best_epoch"], values)
        recorder.ledger.model(final["run"], _model(arena, final))
        recorder.maybe_update()
    return tested


def _name(final: Record) -> str:
    return f"{final['variant']}-{final['seed']}"


def _model(arena: Arena, final: Record) -> Path:
    return arena.models / str(final["variant"]) / str(final["seed"])


def _drawn(test: Split, seed: int, count: int = 4) -> list[int]:
    """Choose the examples that every final is drawn on: at random, not by how they look."""
    chosen = np.random.default_rng(seed).choice(len(test), min(count, len(test)), replace=False)
    return sorted(int(index) for index in chosen)


def test_model(predictor: Predictor, test: Split, arena: Arena, drawn: list[int]) -> Tested:
    """Run a final over the whole test split; keep its attention over the examples `drawn`."""
    task, spec = arena.task, predictor.spec
    said = answers(predictor.model, task, test, spec, arena.config.protocol)
    return _score(said, test, arena, spec, drawn)


def test_baseline(rows: Array | Sequence[Any], test: Split, arena: Arena, spec: DataSpec) -> Tested:
    """Score a baseline's answer to each example of the test split."""
    said = (
        (indices, batch, arena.task.claim([rows[index] for index in indices], batch))
        for indices, batch in Batches(test, BATCH).in_order()
    )
    return _score(said, test, arena, spec, [])


def _score(
    said: Iterable[tuple[Array, Batch, Output]],
    test: Split,
    arena: Arena,
    spec: DataSpec,
    drawn: list[int],
) -> Tested:
    task = arena.task
    total: dict[str, torch.Tensor] = {}
    shares = np.zeros(len(test))
    rows: list[Any] = [None] * len(test)
    weights: dict[int, Array] = {}
    for indices, batch, output in said:
        add(total, task.counts(output, batch, spec))
        shares[indices] = task.per_example(arena.config.metric, output, batch, spec).cpu()
        for place, (index, row) in enumerate(zip(indices, task.rows(output), strict=True)):
            rows[index] = row
            looked = task.looked(output, place) if int(index) in drawn else None
            if looked is not None:
                weights[int(index)] = looked
    return Tested(rows, task.scores(total, spec), shares, weights)


def _record(
    arena: Arena,
    ledger: Ledger,
    run: str,
    finals: dict[str, list[Record]],
    summary: dict[str, Any],
    pictures: list[Path],
) -> None:
    """Add to each final's run its pictures, and to the verdict's all that the verdict rests on."""
    for final in (final for group in finals.values() for final in group):
        for path in sorted((arena.results / "finals" / _name(final)).iterdir()):
            ledger.artifact(final["run"], path)
    for path in (*pictures, arena.results / "summary.json", arena.results / "comparison.json"):
        ledger.artifact(run, path)
    means = {name: entry["mean"] for name, entry in summary["variants"].items()}
    reached = {**means, **summary["baselines"]}
    metric = f"test_{summary['metric']}"
    ledger.metrics(run, 0, {f"{metric}/{name}": value for name, value in reached.items()})
    ledger.tag(run, {"description": summary["verdict"]})


def _summarise(
    arena: Arena,
    finals: dict[str, list[Record]],
    tested: dict[str, list[Tested]],
    baselines: dict[str, Tested],
    test: Split,
) -> dict[str, Any]:
    metric = arena.config.metric
    greater = arena.task.metrics[metric]
    comparison = compare(
        {variant: np.stack([t.per_example for t in runs]) for variant, runs in tested.items()},
        greater,
        arena.config.protocol.seed,
        {name: t.per_example for name, t in baselines.items()},
        [example.get("group", index) for index, example in enumerate(test.examples())],
    )
    variants: dict[str, Any] = {}
    for variant, group in finals.items():
        values = [t.metrics[metric] for t in tested[variant]]
        mean, interval = mean_interval(values)
        variants[variant] = {
            "values": values,
            "mean": mean,
            "ci95": list(interval),
            "parameters": group[0]["parameters"],
            "train_seconds": float(np.mean([final["train_seconds"] for final in group])),
            "test_examples": len(test),
        }
    figures = {name: t.metrics[metric] for name, t in baselines.items()}
    summary = {
        "metric": metric,
        "greater_is_better": greater,
        "baselines": figures,
        "variants": variants,
        "verdict": verdict(metric, greater, variants, comparison, figures),
    }
    also = {
        "variants": {v: [t.metrics for t in runs] for v, runs in tested.items()},
        "baselines": {name: t.metrics for name, t in baselines.items()},
    }
    write_json(arena.results / "comparison.json", {**comparison.to_dict(), "metrics": also})
    write_json(arena.results / "summary.json", summary)
    return summary


def _draw_experiment(
    arena: Arena,
    summary: dict[str, Any],
    finals: dict[str, list[Record]],
    paint: Paint,
    plots: Path,
) -> None:
    """Have the comparison and the curves drawn; list the scores beside them."""
    metric = arena.config.metric
    curves = {
        variant: [
            [(n, epoch[f"valid_{metric}"]) for n, epoch in enumerate(final["curve"], start=1)]
            for final in group
        ]
        for variant, group in finals.items()
    }
    paint(scores, summary, plots / "scores.png")
    paint(learning_curves, curves, metric, plots / "curves.png")
    with (arena.results / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", metric])
        for variant, entry in summary["variants"].items():
            writer.writerows([variant, n + 1, value] for n, value in enumerate(entry["values"]))


def _show_first(finals: dict[str, list[Record]], drawings: Path, plots: Path) -> None:
    """Show the pictures of the first final of each variant beside the comparison."""
    for variant, (first, *_) in finals.items():
        for path in sorted((drawings / _name(first)).glob("*.png")):
            kind, _, rest = path.stem.partition("-")
            name = "-".join(part for part in (kind, variant, rest) if part)
            shutil.copyfile(path, plots / f"{name}.png")


def _diagnose(
    arena: Arena,
    prepared: Prepared,
    finals: dict[str, list[Record]],
    tested: dict[str, list[Tested]],
    baselines: dict[str, Tested],
    summary: dict[str, Any],
    plots: Path,
) -> None:
    """Draw what lies behind the scores, beside the comparison."""
    metric, test = arena.config.metric, prepared.split("test")
    shares = {v: np.stack([t.per_example for t in runs]) for v, runs in tested.items()}
    references = {name: t.per_example[None] for name, t in baselines.items()}
    draw_lengths(plots / "lengths.png", metric, test, prepared.spec, shares, references)
    first = {variant: _model(arena, group[0]) for variant, group in finals.items()}
    seed = arena.config.protocol.seed
    draw_gradients(plots / "gradients.png", test, prepared.spec, first, seed)
    better = max if summary["greater_is_better"] else min
    best = better(first, key=lambda variant: summary["variants"][variant]["mean"])
    draw_decodings(plots, Predictor(first[best]), test, metric, seed)
