"""Stage: the test split, touched here only and once; figures, plots and the verdict of it."""

import os
import sys

from seqarena.cluster.session import cluster, import_meanwhile
from seqarena.errors import exit_with_one_line
from seqarena.figures.pool import PlotPool


def main() -> None:
    # Before numpy comes: threads of BLAS that wait for each other, on cores where other processes
    # draw, made a logistic regression of 0.4 s take 14.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import_meanwhile("seqarena.evaluation.evaluate")
    with PlotPool() as plot_pool, cluster():
        from seqarena.evaluation.evaluate import evaluate_finals
        from seqarena.experiments import load
        from seqarena.tracking.recorder import recorder_for

        experiment = load(sys.argv[1])
        with recorder_for(experiment) as recorder:
            summary = evaluate_finals(experiment, recorder, plot_pool)
    print(f"{experiment.name}: {summary.verdict}")


if __name__ == "__main__":
    exit_with_one_line(main)
