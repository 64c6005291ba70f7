"""Stage: raw data, from its pinned source, in the raw form of its modality."""

import sys

from seqarena.datasets import dataset_of
from seqarena.errors import exit_with_one_line
from seqarena.experiments import load
from seqarena.files import new_folder


def main() -> None:
    experiment = load(sys.argv[1])
    with new_folder(experiment.raw) as raw:
        dataset_of(experiment.config, experiment.where).write(raw)


if __name__ == "__main__":
    exit_with_one_line(main)
