"""The evaluate stage: every final and baseline tested once, drawn, compared and recorded."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from seqarena.data.store import Array, Prepared, Split
from seqarena.errors import InputWarning
from seqarena.evaluation import latency
from seqarena.evaluation.by_series import by_series
from seqarena.evaluation.champion import best_final, crowned
from seqarena.evaluation.compare import compare
from seqarena.evaluation.estimand import groups_of, one_by_one
from seqarena.evaluation.evidence import evidence_of
from seqarena.evaluation.remarks import remarks
from seqarena.evaluation.scorer import test_finals
from seqarena.evaluation.scoring import (
    FitError,
    Tested,
    TestedBaseline,
    chosen,
    test_baseline,
)
from seqarena.evaluation.searches import show_searches
from seqarena.evaluation.summarise import Outcome, headline, summarised
from seqarena.evaluation.tables import VARIANTS, write_tables
from seqarena.evaluation.tuning_record import FILE as TUNING
from seqarena.evaluation.tuning_record import Tuning
from seqarena.experiments import ResolvedExperiment
from seqarena.figures import draw_final
from seqarena.figures.decodings import draw_decodings
from seqarena.figures.gates import gates_of
from seqarena.figures.gradients import draw_gradients
from seqarena.figures.lengths import draw_lengths
from seqarena.figures.pool import PlotPool
from seqarena.figures.transitions import transitions_of
from seqarena.files import new_folder
from seqarena.plots.costs import costs
from seqarena.plots.pairs import pairs
from seqarena.plots.results import learning_curves, scores
from seqarena.predict import Predictor
from seqarena.records import Comparison, ComparisonRecord, Summary
from seqarena.runs import Final, Finals
from seqarena.tasks import AnyTask, task_for
from seqarena.tracking.champions import BEST, Contender, last_crowning
from seqarena.tracking.recorder import Recorder

GROUNDS = (VARIANTS, "summary.json", "comparison.json", TUNING)  # of a verdict, that its run shows
DRAWN = 4  # examples of the test split that each first final is drawn on


def evaluate_finals(
    experiment: ResolvedExperiment, recorder: Recorder, plot_pool: PlotPool
) -> Summary:
    """Test every final and baseline; write the results of the experiment and return its summary.

    Writes ``summary.json``, ``comparison.json``, ``tuning.json``, ``variants.csv``,
    ``scores.csv``, ``curves.csv``, ``plots/`` and ``finals/`` under ``results/<experiment>``.
    """
    torch.set_num_threads(plot_pool.threads_left)
    evaluation = Evaluation(experiment, recorder, plot_pool)
    plots = experiment.results / "plots"
    with recorder.ledger.running("verdict", "verdict", tags=recorder.tags) as run:
        recorder.trace(run)
        with new_folder(experiment.results / "finals") as drawings, new_folder(plots) as partial:
            took = evaluation.time()
            evaluation.mark_best()
            tested = evaluation.test(drawings)
            baselines, unfitted = evaluation.test_baselines()
            tuning = show_searches(experiment, _all(evaluation.finals), partial, plot_pool)
            comparison, summary = evaluation.summarise(
                Outcome(tested, baselines, unfitted, took), tuning
            )
            evaluation.draw(summary, comparison, partial)
            evaluation.diagnose(tested, baselines, comparison, partial)
            plot_pool.wait()
            pictures = [plots / path.name for path in sorted(partial.iterdir())]
            evaluation.show_first(drawings, partial)
        finals = _all(evaluation.finals)
        write_tables(experiment.results, finals, summary, comparison, tuning)
        evaluation.record_finals(summary)
        evaluation.record(run, summary, comparison, pictures)
        recorder.mark_current({run}, "verdict")
    return summary


@dataclass(frozen=True)
class Evaluation:
    """The finals of one experiment, with the recorder of runs and the pool that draws."""

    experiment: ResolvedExperiment
    recorder: Recorder
    plot_pool: PlotPool

    @cached_property
    def prepared(self) -> Prepared:
        return Prepared(self.experiment.prepared)

    @cached_property
    def task(self) -> AnyTask:
        return task_for(self.experiment.config.task)

    @cached_property
    def split(self) -> Split:
        return self.prepared.split("test")

    @cached_property
    def groups(self) -> Array:
        """The number of the independent group that each test example is of."""
        return groups_of(self.split)

    @cached_property
    def finals(self) -> dict[str, list[Final]]:
        """The finals of each variant, in the order of their repetitions."""
        finals = Finals.read(self.experiment.models / "finals.json").finals
        return {
            variant: [final for final in finals if final.variant == variant]
            for variant in self.experiment.config.variants
        }

    @cached_property
    def first(self) -> dict[str, Predictor]:
        """The first final of each variant, which represents it where only one is used."""
        return {variant: Predictor(self._model(group[0])) for variant, group in self.finals.items()}

    @cached_property
    def best(self) -> dict[str, Final]:
        """The final of each variant that people are to use."""
        bounds = self.task.metrics[self.experiment.config.metric].bounds
        return {variant: best_final(group, bounds) for variant, group in self.finals.items()}

    def mark_best(self) -> None:
        """Tag every final by whether it is the best of its variant: of these models are kept."""
        ledger, best = self.recorder.ledger, {final.run for final in self.best.values()}
        for final in _all(self.finals):
            tags = {BEST: str(final.run in best).lower()}
            if not tags.items() <= ledger.run(final.run).tags.items():
                ledger.tag(final.run, tags)

    def _model(self, final: Final) -> Path:
        return self.experiment.model_of(final.variant, final.repetition)

    def time(self) -> dict[str, float]:
        """Return the milliseconds of one prediction by each variant; call it before any drawing."""
        predictors, seed = self.first, self.experiment.config.protocol.seed
        examples = chosen(self.split, seed, latency.EXAMPLES)
        self.plot_pool.wait()  # its processes still import
        return latency.milliseconds(predictors, [self.split.sequence(n) for n in examples])

    def test(self, drawings: Path) -> dict[str, list[Tested]]:
        """Test every final, add its figures and its model to its run; have the first ones drawn."""
        ledger = self.recorder.ledger
        drawn = chosen(self.split, self.experiment.config.protocol.seed, DRAWN)
        finals = {_name(final): final for final in _all(self.finals)}
        models = {name: self._model(final) for name, final in finals.items()}
        digest = self.recorder.tags["data.digest"]
        tested: dict[str, Tested] = {}
        for name, outcome in test_finals(self.experiment, digest, models, self.groups, drawn):
            final = finals[name]
            tested[name] = outcome
            if final is self.finals[final.variant][0]:  # other repetitions' pictures look alike
                self._draw_final(final, outcome, drawn, drawings)
            values = {f"test_{metric}": value for metric, value in outcome.metrics.items()}
            ledger.metrics(final.run, final.best_epoch, values)
            ledger.model(final.run, models[name])
            self.recorder.maybe_update()
        return {
            variant: [tested[_name(final)] for final in group]
            for variant, group in self.finals.items()
        }

    def _draw_final(self, final: Final, outcome: Tested, drawn: list[int], drawings: Path) -> None:
        """Have a final drawn for its variant."""
        what = (
            self.experiment.config.task,
            final.variant,
            outcome.predictions,
            outcome.weights,
            drawn,
        )
        model = self.first[final.variant].model
        shown = gates_of(model, self.split.sequence(drawn[0])), transitions_of(model)
        metric = self.task.metrics[self.experiment.config.metric]
        scores = one_by_one(metric, outcome.rows)
        out = drawings / _name(final)
        self.plot_pool(draw_final, out, self.experiment.prepared, *what, *shown, scores)

    def test_baselines(self) -> tuple[dict[str, TestedBaseline], dict[str, str]]:
        """Test every baseline; warn of one that cannot be fitted, and leave it out."""
        tested: dict[str, TestedBaseline] = {}
        unfitted: dict[str, str] = {}
        for name in self.experiment.config.baselines:
            try:
                tested[name] = test_baseline(
                    name, self.prepared, self.experiment.config, self.groups
                )
            except FitError as reason:
                unfitted[name] = str(reason)
                message = f"baselines: {name} cannot be fitted, and is left out: {reason}"
                warnings.warn(message, InputWarning, stacklevel=2)
        return tested, unfitted

    def summarise(self, outcome: Outcome, tuning: Tuning) -> tuple[Comparison, Summary]:
        """Compare; write ``comparison.json``, ``summary.json`` and ``metrics.json``."""
        results, config = self.experiment.results, self.experiment.config
        estimates = outcome.estimates(self.task.metrics[config.metric].bounds)
        comparison = compare(estimates, list(outcome.finals), config.margin)
        summary = summarised(config, self.finals, outcome, estimates, comparison)
        evidence = evidence_of(
            self.experiment,
            self.prepared,
            self.finals,
            self.recorder.ledger,
            groups=estimates.groups,
            summary=summary,
            comparison=comparison,
            tuning=tuning,
        )
        series = by_series(self.task.metrics[config.metric], self.split, outcome.rows)
        summary = summary.model_copy(update={"remarks": remarks(evidence), "series": series})
        record = ComparisonRecord(**dict(comparison), metrics=outcome.all_metrics)
        record.write(results / "comparison.json")
        summary.write(results / "summary.json")
        headline(summary).write(results / "metrics.json")
        return comparison, summary

    def draw(self, summary: Summary, comparison: Comparison, plots: Path) -> None:
        """Have the comparison and the curves drawn."""
        metric = self.experiment.config.metric
        curves = {
            variant: [list(final.curve) for final in group]
            for variant, group in self.finals.items()
        }
        self.plot_pool(scores, summary, plots / "scores.png")
        self.plot_pool(costs, summary, comparison.best_set, plots / "costs.png")
        if len(comparison.chances) > 1:
            self.plot_pool(pairs, summary, comparison, plots / "pairs.png")
        self.plot_pool(learning_curves, curves, metric, plots / "curves.png")

    def diagnose(
        self,
        tested: dict[str, list[Tested]],
        baselines: dict[str, TestedBaseline],
        comparison: Comparison,
        plots: Path,
    ) -> None:
        """Have drawn what lies behind the scores, beside the comparison."""
        metric, seed = self.experiment.config.metric, self.experiment.config.protocol.seed
        rows = {variant: [t.rows for t in runs] for variant, runs in tested.items()}
        references = {name: [t.rows] for name, t in baselines.items()}
        path = plots / "lengths.png"
        draw_lengths(path, metric, self.prepared, self.task, rows, references, self.plot_pool)
        draw_gradients(plots / "gradients.png", self.prepared, self.first, seed, self.plot_pool)
        best = self.first[comparison.best]
        self.plot_pool.wait()  # so that nothing else runs while decoding is timed
        draw_decodings(plots, best, self.split, metric, seed, self.plot_pool)

    def show_first(self, drawings: Path, plots: Path) -> None:
        """Show the pictures of the first final of each variant beside the comparison."""
        for variant, (first, *_) in self.finals.items():
            for path in sorted((drawings / _name(first)).glob("*.png")):
                kind, _, rest = path.stem.partition("-")
                name = "-".join(part for part in (kind, variant, rest) if part)
                shutil.copyfile(path, plots / f"{name}.png")

    def record(self, run: str, summary: Summary, comparison: Comparison, files: list[Path]) -> None:
        """Add to the run of the verdict what it says and what it rests on."""
        ledger, results = self.recorder.ledger, self.experiment.results
        for path in (*files, *(results / name for name in GROUNDS)):
            ledger.artifact(run, path)
        head, metric = headline(summary), f"test_{summary.metric}"
        reached = {metric: head.score, f"{metric}_baseline": head.baseline_score}
        ledger.metrics(run, 0, {name: v for name, v in reached.items() if v is not None})
        data = self.recorder.tags["data.digest"]
        contenders = {
            variant: Contender(variant, final.run, data) for variant, final in self.best.items()
        }
        crowning = crowned(last_crowning(ledger), contenders, summary, comparison)
        ledger.tag(run, {"description": summary.sentences, **crowning.tags})

    def record_finals(self, summary: Summary) -> None:
        """Add to the runs of finals what is known of their variant, to the first its pictures."""
        ledger = self.recorder.ledger
        for variant, group in self.finals.items():
            for path in sorted((self.experiment.results / "finals" / _name(group[0])).iterdir()):
                ledger.artifact(group[0].run, path)
            known = summary.variants[variant]
            values = {
                **dict(zip(("ci95_low", "ci95_high"), known.ci95, strict=True)),
                "parameters": known.parameters,
                "milliseconds": known.milliseconds,
            }
            for final in group:
                ledger.metrics(final.run, final.best_epoch, values)


def _all(finals: dict[str, list[Final]]) -> list[Final]:
    return [final for group in finals.values() for final in group]


def _name(final: Final) -> str:
    return f"{final.variant}-{final.repetition}"
