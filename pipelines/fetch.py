"""Stage: raw data, from its pinned source, in the raw form of its modality."""

import sys

from seqarena.data.experiment import data_of
from seqarena.errors import exit_with_one_line
from seqarena.files import new_folder


def main() -> None:
    data = data_of(sys.argv[1])
    with new_folder(data.raw) as raw:
        data.dataset.write(raw)


if __name__ == "__main__":
    exit_with_one_line(main)
