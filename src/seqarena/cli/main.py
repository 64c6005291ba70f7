"""The command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from seqarena.cli.add import add, inspect
from seqarena.cli.export import export
from seqarena.cli.predict import Name, generate, predict, score
from seqarena.errors import RunError, exit_with_one_line, unknown

app = typer.Typer(
    help="Which sequence model does this data need, and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run the command line; bad input ends with one line and exit code 2."""
    exit_with_one_line(app)


@app.command()
def run(
    experiments: Annotated[
        list[str] | None, typer.Argument(help="names from params.yaml; all when none is named")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="experiments side by side; one per core at most 4")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="name it in params.yaml as what these experiments follow")
    ] = None,
) -> None:
    """Bring experiments to their verdicts by `dvc repro`, side by side on one Ray."""
    from seqarena.cli.run import run_experiments

    chosen = _chosen(experiments, protocol)
    share, failures = run_experiments(chosen, jobs or min(4, os.cpu_count() or 1))
    verdict()
    print(share or "Nothing to do: all is up to date.")
    if failures:
        raise RunError("; ".join(failures))


@app.command()
def submit(
    experiments: Annotated[
        list[str] | None, typer.Argument(help="names from params.yaml; all when none is named")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="as of `run`")] = None,
    address: Annotated[
        str | None, typer.Option(help="of Ray's jobs; otherwise cluster.jobs of params.yaml")
    ] = None,
) -> None:
    """Run experiments as a job of a Ray cluster, follow its log and fetch the results."""
    from seqarena.cli.submit import submit as submit_run

    fetched = submit_run(_chosen(experiments, protocol), address)
    print(f"Fetched: {', '.join(fetched)}")


def _chosen(experiments: list[str] | None, protocol: str | None) -> list[str]:
    """Return the experiments that are to run, all when none is named, after their protocol."""
    from seqarena.cli.project import check_project
    from seqarena.cli.protocol import set_protocol
    from seqarena.config import experiment_names

    check_project()
    chosen = list(dict.fromkeys(experiments or experiment_names()))
    if protocol and (changed := set_protocol(chosen, protocol)):
        print(f"params.yaml: now by the protocol {protocol}: {', '.join(changed)}")
    return chosen


@app.command()
def check() -> None:
    """Check environment, configuration and data; each problem comes with its fix."""
    from seqarena.cli.check import print_checks

    if not print_checks():
        raise typer.Exit(2)


@app.command()
def show(experiment: Name) -> None:
    """Show what an experiment costs and its configuration, every default visible."""
    import yaml

    from seqarena.cli import cost, reach
    from seqarena.experiments import load
    from seqarena.validation import resolved

    found = load(experiment)
    plain = json.loads(json.dumps(resolved(found)))
    for line in (*cost.lines(found), *reach.lines(found)):
        print(f"# {line}")
    print(yaml.safe_dump({experiment: plain}, sort_keys=False, allow_unicode=True), end="")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="new, or without dvc.yaml and params.yaml")],
) -> None:
    """Make a project of your own, without the gallery: git, DVC, its stages, no experiment."""
    from seqarena.cli.init import make_project

    make_project(folder)
    print(f"{folder}: ready. Next: cd {folder} && seqarena add NAME PATH")


for command in (add, inspect, predict, score, generate, export):
    app.command()(command)


@app.command()
def sync(
    experiments: Annotated[list[str] | None, typer.Argument(help="all when none is named")] = None,
) -> None:
    """Bring MLflow up to date with the ledgers, or rebuild it from them."""
    from seqarena.config import experiment_names
    from seqarena.tracking.mlflow.projection import sync as write

    known = experiment_names()
    for name in experiments or []:
        if name not in known:
            raise unknown("params.yaml: experiments", "experiment", name, known)
    for name, events in write(Path("results"), experiments or known).items():
        print(f"{name}: {events} new events")


@app.command("clean")
def clean_up(
    keep: Annotated[
        str, typer.Option(help="whose models stay in MLflow: champion, finals, both, or none")
    ] = "champion,finals",
    yes: Annotated[bool, typer.Option("--yes", help="free it without being asked")] = False,
) -> None:
    """Free what nothing refers to: of MLflow, DVC's cache, checkpoints and leftovers."""
    from seqarena.cli.clean import clean
    from seqarena.cli.project import check_project

    check_project()
    clean(keep, yes)


@app.command()
def reproduce(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="EXPERIMENT, EXPERIMENT/VARIANT/REPETITION[/TRIAL], or an id of MLflow's",
        ),
    ],
) -> None:
    """Make a recorded run or a whole verdict again from its commit, and print the difference."""
    from seqarena.cli.project import check_project
    from seqarena.reproduction.reproduce import reproduce as make_again

    check_project()
    if not make_again(run):
        raise typer.Exit(1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="on this machine alone")] = 5000,
) -> None:
    """Open the MLflow dashboard, with a link to the verdict of each experiment."""
    from seqarena.cli.ui import show_dashboard

    show_dashboard(port)


@app.command()
def verdict() -> None:
    """Print the verdict of every experiment and where to look next."""
    from seqarena.records import read_summaries
    from seqarena.report.report import verdict_table

    print(verdict_table(read_summaries(Path("report/summary.json"))))
    print("Next: open report/index.html, or `make ui` for every curve, picture and model.")


if __name__ == "__main__":
    main()
