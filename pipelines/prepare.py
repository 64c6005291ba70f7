"""Stage: raw data to memory-mapped train, valid and test, and their spec."""

import sys

from seqarena.data.store import write_spec
from seqarena.errors import exit_with_one_line
from seqarena.experiments import load
from seqarena.files import new_folder


def main() -> None:
    arena = load(sys.argv[1])
    with new_folder(arena.prepared) as out:
        spec = arena.modality.prepare(arena.raw, out, arena.options, arena.config.protocol.seed)
        write_spec(out / "spec.json", spec)
    sizes = ", ".join(f"{count} {split}" for split, count in spec.sizes.items())
    print(f"{arena.name}: {sizes}; up to {spec.max_length} steps of {spec.feature_shape}")


if __name__ == "__main__":
    exit_with_one_line(main)
