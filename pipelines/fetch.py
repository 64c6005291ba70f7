"""Stage: raw data, from its pinned source, in the raw form of its modality."""

import sys

from seqarena.errors import exit_with_one_line
from seqarena.experiments import load
from seqarena.files import new_folder


def main() -> None:
    arena = load(sys.argv[1])
    with new_folder(arena.raw) as raw:
        arena.dataset.write(raw)


if __name__ == "__main__":
    exit_with_one_line(main)
