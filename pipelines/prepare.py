"""Stage: raw data to memory-mapped train, valid and test, and their spec."""

import sys
from collections.abc import Generator, Iterable
from pathlib import Path

from seqarena.cluster.access import has_machines
from seqarena.data.children import Decode, decoded
from seqarena.data.modalities import modality, options_of
from seqarena.data.store import Array
from seqarena.errors import InputError, exit_with_one_line
from seqarena.experiments import inspect_prepared, load
from seqarena.files import new_folder


def main() -> None:
    experiment = load(sys.argv[1])
    config = experiment.config
    options = options_of(config, experiment.where)
    kind = modality(config.modality, decode_all=_on_cluster if has_machines() else decoded)
    with new_folder(experiment.prepared) as out:
        spec = kind.write(experiment.raw, out, options, config.protocol.seed)
    inspect_prepared(experiment)
    sizes = ", ".join(f"{count} {split}" for split, count in spec.sizes.items())
    print(f"{experiment.name}: {sizes}; up to {spec.max_length} steps of {spec.feature_shape}")


def _on_cluster(decode: Decode, paths: Iterable[Path]) -> Generator[Array | InputError]:
    """Import ray where there are media to decode, not before."""
    from seqarena.cluster import decoding

    return decoding.decoded(decode, paths)


if __name__ == "__main__":
    exit_with_one_line(main)
