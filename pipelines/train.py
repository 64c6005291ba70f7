"""Stage: the best configuration of every repetition again, on its own seed."""

import sys

from seqarena.cluster.session import cluster, import_meanwhile
from seqarena.errors import exit_with_one_line


def main() -> None:
    import_meanwhile("seqarena.search.finals")
    with cluster():
        from seqarena.experiments import load
        from seqarena.runs import SearchResult
        from seqarena.search.finals import train_finals
        from seqarena.tracking.recorder import recorder_for

        experiment = load(sys.argv[1])
        found = SearchResult.read(experiment.results / "search.json")
        with recorder_for(experiment) as recorder:
            finals = train_finals(experiment, found, recorder)
        finals.write(experiment.models / "finals.json")


if __name__ == "__main__":
    exit_with_one_line(main)
