"""Experiments by name: a checked section of params.yaml, and the folders of its stages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

from seqarena.config import PARAMS, Experiment, parse, read_params, with_named_protocol
from seqarena.errors import unknown

# Named, not imported: a check refuses and changes no result, so that a stage depends on the
# registries that it uses, not on all those its experiment is checked against.
VALIDATE = "seqarena.validation:validate"
INSPECT = "seqarena.validation:inspect_prepared"


@dataclass(frozen=True)
class ResolvedExperiment:
    """One experiment, checked against every registry, and where its stages keep what they make."""

    name: str
    config: Experiment
    where: str = "params.yaml"  # its section, as errors name it
    root: Path = Path()

    @property
    def raw(self) -> Path:
        return self.root / "data/raw" / self.name

    @property
    def prepared(self) -> Path:
        return self.root / "data/prepared" / self.name

    @property
    def models(self) -> Path:
        return self.root / "models" / self.name

    def model_of(self, variant: str, repetition: int) -> Path:
        """Return the folder of the final of a variant in a repetition."""
        return self.models / variant / str(repetition)

    @property
    def results(self) -> Path:
        return self.root / "results" / self.name

    @property
    def ledger(self) -> Path:
        return self.results / "ledger.jsonl"


def load(name: str, path: Path = PARAMS) -> ResolvedExperiment:
    """Check one experiment against every registry; raises `InputError` for the first mistake."""
    params = read_params(path)
    experiments = params["experiments"]
    if name not in experiments:
        raise unknown(f"{path}: experiments", "experiment", name, experiments)
    where = f"{path}: experiments.{name}"
    section = with_named_protocol(experiments[name], params.get("protocols"), path, where)
    experiment = ResolvedExperiment(name, parse(Experiment, section, where), where)
    resolve_name(VALIDATE)(experiment)
    return experiment


def inspect_prepared(experiment: ResolvedExperiment) -> None:
    """Warn of what the prepared data holds that a variant cannot learn."""
    resolve_name(INSPECT)(experiment)
