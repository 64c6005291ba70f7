"""Stage: every variant searched under the same budget, in every repetition."""

import sys

from seqarena.cluster.session import cluster, import_meanwhile
from seqarena.errors import exit_with_one_line


def main() -> None:
    import_meanwhile("seqarena.search.search")
    with cluster():
        from seqarena.experiments import load
        from seqarena.search.search import search
        from seqarena.tracking.recorder import recorder_for

        experiment = load(sys.argv[1])
        with recorder_for(experiment) as recorder:
            search(experiment, recorder).write(experiment.results / "search.json")


if __name__ == "__main__":
    exit_with_one_line(main)
