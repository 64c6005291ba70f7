"""Stage: the best configuration of each variant again, on fresh seeds."""

import sys

from seqarena.errors import exit_with_one_line
from seqarena.search.cluster import cluster, import_meanwhile


def main() -> None:
    import_meanwhile("seqarena.search.finals")
    with cluster() as slot:
        from seqarena.experiments import load
        from seqarena.files import new_folder, read_json, write_json
        from seqarena.search.finals import train_finals
        from seqarena.tracking.recorder import recorder_for

        experiment = load(sys.argv[1])
        best = read_json(experiment.results / "search.json")["variants"]
        with recorder_for(experiment) as recorder, new_folder(experiment.models) as models:
            finals = train_finals(experiment, best, models, slot, recorder)
            write_json(models / "finals.json", finals)


if __name__ == "__main__":
    exit_with_one_line(main)
