"""The note of an experiment in MLflow: its verdict, where to look next, how to make it again."""

from __future__ import annotations

from seqarena.records import MlflowPlace, View
from seqarena.tracking.mlflow.facts import Facts

TOLD: dict[View, str] = {
    "verdict": "the finals by variant: score, interval, what they cost, what was chosen",
    "search": "the trials, best first (MLflow shows 100 at a time): what was tried, and what it"
    " came to on valid, the objective",
    "curves": "the finals by epoch: do they still learn, do they learn alike",
    "attention": "pictures of the finals side by side; a slider goes over the examples",
}
NEXT = """\
### What to open next
1. *Verdict*: is the gap larger than the intervals, and what does it cost?
2. *Curves*: a line that still falls asks for more epochs, not for another model.
3. A final (a row of the table): its pictures, predictions, model, data digest and commit.
4. The run `verdict`: `variants.csv`, every number by variant, and all plots."""


def note_of(facts: Facts, experiment: str) -> str:
    """Return the note in Markdown; `experiment` is MLflow's id of it."""
    place = MlflowPlace(address="", experiment=experiment)  # links within MLflow, wherever it is
    views = [f"- [{view.capitalize()}]({place.view(view)}): {what}" for view, what in TOLD.items()]
    again = f"### Make it again\n```sh\nseqarena reproduce {facts.experiment}\n```"
    parts = [facts.summary.sentences, _table(facts)]
    return "\n\n".join([*parts, "### Views\n" + "\n".join(views), NEXT, again])


def _table(facts: Facts) -> str:
    summary = facts.summary
    header = f"| | {summary.metric} on test | 95 % interval | parameters | training | prediction |"
    ranked = sorted(
        summary.variants.items(), key=lambda each: each[1].mean, reverse=summary.greater_is_better
    )
    rows = [
        f"| {name} | {each.mean:.4g} | {each.ci95[0]:.4g} to {each.ci95[1]:.4g} |"
        f" {each.parameters:,} | {each.train_seconds:.3g} s | {each.milliseconds:.3g} ms |"
        for name, each in ranked
    ]
    references = [
        f"| {name} | {each.value:.4g} | {each.ci95[0]:.4g} to {each.ci95[1]:.4g} | | | |"
        for name, each in summary.baselines.items()
    ]
    return "\n".join([header, "|---|---|---|---|---|---|", *rows, *references])
