"""Stage: raw data to memory-mapped train, valid and test, and their spec."""

import sys

from seqarena.data.spelling import most_steps, warn_of_unspellable
from seqarena.data.store import Prepared, write_spec
from seqarena.errors import exit_with_one_line
from seqarena.experiments import load
from seqarena.files import new_folder


def main() -> None:
    arena = load(sys.argv[1])
    with new_folder(arena.prepared) as out:
        spec = arena.modality.prepare(arena.raw, out, arena.options, arena.config.protocol.seed)
        write_spec(out / "spec.json", spec)
    if arena.spells:
        warn_of_unspellable(Prepared(arena.prepared), most_steps(spec), "CTC")
    sizes = ", ".join(f"{count} {split}" for split, count in spec.sizes.items())
    print(f"{arena.name}: {sizes}; up to {spec.max_length} steps of {spec.feature_shape}")


if __name__ == "__main__":
    exit_with_one_line(main)
