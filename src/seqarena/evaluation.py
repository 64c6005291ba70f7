"""The test split, touched once by the finals: scores, pictures, comparison and verdict."""

from __future__ import annotations

import csv
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch

from seqarena.compare.plots.results import learning_curves, scores
from seqarena.compare.statistics import compare, mean_interval
from seqarena.compare.verdict import verdict
from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Array, Prepared, Split
from seqarena.experiments import Arena
from seqarena.files import new_folder, read_json, write_json
from seqarena.fit import autocast
from seqarena.models.baselines import BASELINES
from seqarena.models.model import Output
from seqarena.pictures import draw_final
from seqarena.predict import Predictor
from seqarena.recorder import Recorder
from seqarena.tasks import Task

BATCH = 256


@dataclass(frozen=True)
class Tested:
    """What one final, or one baseline, came to on the test split."""

    logits: Array  # (N, outputs)
    metrics: dict[str, float]
    per_example: Array  # (N,) of the experiment's metric
    weights: dict[int, Array]  # example -> attention (heads, U, S), for the examples drawn


def evaluate_finals(arena: Arena, recorder: Recorder) -> dict[str, Any]:
    """Test every final and baseline; write the results of the experiment and return its summary.

    Writes ``summary.json``, ``comparison.json``, ``scores.csv``, ``plots/`` and ``finals/`` under
    ``results/<experiment>``.
    """
    prepared = Prepared(arena.prepared)
    test = prepared.split("test")
    finals = read_json(arena.models / "finals.json")
    drawn = _drawn(test, arena.config.protocol.seed)
    tested: dict[str, list[Tested]] = {variant: [] for variant in arena.config.variants}
    with new_folder(arena.results / "finals") as pictures, _painters() as painters:
        drawing = []
        for final in finals:
            variant = final["variant"]
            folder = arena.models / variant / str(final["seed"])
            outcome = test_model(Predictor(folder), test, arena, drawn)
            tested[variant].append(outcome)
            out = pictures / f"{variant}-{final['seed']}"
            work = out, arena.prepared, variant, outcome.logits, outcome.weights, drawn
            drawing.append(painters.submit(draw_final, *work))
        for picture in drawing:
            picture.result()
    _record(arena, recorder, finals, tested)
    baselines = {
        name: test_answer(BASELINES[name].answer(prepared), test, arena.task, arena, prepared)
        for name in arena.config.baselines
    }
    summary = _summarise(arena, finals, tested, baselines, test)
    _draw_experiment(arena, summary, finals)
    return summary


def _painters() -> ProcessPoolExecutor:
    """Draw in processes of their own: matplotlib takes longer than the models do."""
    return ProcessPoolExecutor(min(4, os.cpu_count() or 1), get_context("spawn"))


def _drawn(test: Split, seed: int, count: int = 4) -> list[int]:
    """Choose the examples that every final is drawn on: at random, not by how they look."""
    chosen = np.random.default_rng(seed).choice(len(test), min(count, len(test)), replace=False)
    return sorted(int(index) for index in chosen)


def test_model(predictor: Predictor, test: Split, arena: Arena, drawn: list[int]) -> Tested:
    """Run a final over the whole test split."""
    logits = np.zeros((len(test), predictor.task.outputs(predictor.spec)), np.float32)
    weights: dict[int, Array] = {}
    device = next(predictor.model.parameters()).device
    with torch.inference_mode(), autocast(device, arena.config.protocol):
        for indices, batch in Batches(test, BATCH).in_order():
            output = predictor.model(batch.to(device))
            logits[indices] = output.logits.float().cpu().numpy()
            for row, index in enumerate(indices):
                if output.weights is not None and int(index) in drawn:
                    length = int(output.lengths[row])
                    weights[int(index)] = output.weights[row, ..., :length].float().cpu().numpy()
    outcome = test_answer(logits, test, predictor.task, arena, Prepared(arena.prepared))
    return Tested(outcome.logits, outcome.metrics, outcome.per_example, weights)


def test_answer(logits: Array, test: Split, task: Task, arena: Arena, prepared: Prepared) -> Tested:
    """Score answers ``(N, outputs)`` for the whole test split, a model's or a baseline's."""
    lengths = torch.from_numpy(np.array(test.lengths))
    targets = torch.from_numpy(np.array(test.targets))
    batch = Batch(torch.empty(0), lengths, targets)
    output = Output(torch.from_numpy(np.ascontiguousarray(logits)), lengths, None)
    metrics = task.scores(task.counts(output, batch, prepared.spec), prepared.spec)
    share = task.per_example(arena.config.metric, output, batch, prepared.spec)
    return Tested(logits, metrics, share.double().numpy(), {})


def _record(
    arena: Arena, recorder: Recorder, finals: list[dict[str, Any]], tested: dict[str, list[Tested]]
) -> None:
    """Add to each final's run its test figures, pictures and model."""
    nth = dict.fromkeys(tested, 0)
    for final in finals:
        variant, run = final["variant"], final["run"]
        outcome = tested[variant][nth[variant]]
        nth[variant] += 1
        values = {f"test_{name}": value for name, value in outcome.metrics.items()}
        recorder.ledger.metrics(run, final["best_epoch"], values)
        recorder.ledger.artifact(run, arena.results / "finals" / f"{variant}-{final['seed']}")
        recorder.ledger.model(run, arena.models / variant / str(final["seed"]))
        recorder.maybe_update()


def _summarise(
    arena: Arena,
    finals: list[dict[str, Any]],
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
    for variant, runs in tested.items():
        mine = [final for final in finals if final["variant"] == variant]
        values = [t.metrics[metric] for t in runs]
        mean, interval = mean_interval(values)
        variants[variant] = {
            "values": values,
            "mean": mean,
            "ci95": list(interval),
            "parameters": mine[0]["parameters"],
            "train_seconds": float(np.mean([final["train_seconds"] for final in mine])),
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


def _draw_experiment(arena: Arena, summary: dict[str, Any], finals: list[dict[str, Any]]) -> None:
    """Draw the comparison and the curves, and show the first final of each variant beside them."""
    metric = arena.config.metric
    curves: dict[str, Any] = {}
    for final in finals:
        points = [(n, e[f"valid_{metric}"]) for n, e in enumerate(final["curve"], start=1)]
        curves.setdefault(final["variant"], []).append(points)
    with new_folder(arena.results / "plots") as plots:
        scores(summary, plots / "scores.png")
        learning_curves(curves, metric, plots / "curves.png")
        first = arena.config.protocol.seed + 1
        for variant in curves:
            for path in sorted((arena.results / "finals" / f"{variant}-{first}").glob("*.png")):
                kind, _, rest = path.stem.partition("-")
                name = "-".join(part for part in (kind, variant, rest) if part)
                shutil.copyfile(path, plots / f"{name}.png")
    with (arena.results / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", metric])
        for variant, entry in summary["variants"].items():
            writer.writerows([variant, n + 1, value] for n, value in enumerate(entry["values"]))
