"""What one training is given, and how many a machine has room for: no ray is needed to know it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seqarena.config import Resources


@dataclass(frozen=True)
class Slot:
    """What one training is given."""

    cpus: float  # of each worker
    gpus: float
    workers: int = 1  # that train one model together

    @property
    def threads(self) -> int:
        """How many threads a worker computes with."""
        return max(1, int(self.cpus))

    def room(self, machines: Iterable[tuple[float, float]]) -> int:
        """Count the trainings that machines of so many cores and GPUs have room for."""
        return sum(self._workers_on(*machine) for machine in machines) // self.workers

    def _workers_on(self, cpus: float, gpus: float) -> int:
        slots = [cpus / self.cpus] + ([gpus / self.gpus] if self.gpus else [])
        return int(min(slots) + 1e-6)


def slot_of(resources: Resources, cpus: float, gpus: float) -> Slot:
    """Resolve what an experiment asks for where there are so many cores and GPUs in all.

    A training gets one core, or one GPU with its share of the cores where there are GPUs: two
    one-threaded trainings on two cores are faster than one after the other with two threads.
    """
    asked_gpus = resources.gpus if resources.gpus is not None else float(gpus > 0)
    share = max(1.0, cpus * asked_gpus // gpus) if gpus and asked_gpus else 1.0
    asked_cpus = resources.cpus if resources.cpus is not None else share
    return Slot(asked_cpus, asked_gpus, resources.workers)
