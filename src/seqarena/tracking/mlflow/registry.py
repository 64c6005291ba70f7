"""The champion of an experiment as a registered model, with the alias `champion`.

All of it follows from the ledger, so that an empty store comes to the same. What a person has
changed since, the alias or the description, stays as they left it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Collection

from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from seqarena.tracking.champions import Contender, Crowning
from seqarena.tracking.events import Run
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.logged_model import WHOLE

ALIAS = "champion"
EXPERIMENT, VERDICT = "seqarena.experiment", "seqarena.verdict"  # tags of a registered model
LINEAGE = ("data.name", "data.digest", "git.commit", "git.dirty", "python", "torch")


class Registry:
    """One experiment's way into the model registry."""

    def __init__(self, client: MlflowClient, ledger: Ledger, experiment: str) -> None:
        """Take the id that the experiment has in MLflow."""
        self._client, self._ledger, self._experiment = client, ledger, experiment

    def update(self, runs: Collection[str]) -> None:
        """Show what the verdicts among some runs mean for the title, each once and in order."""
        verdicts = [
            run
            for run in self._ledger.runs("verdict").values()
            if run.id in runs and run.status == "FINISHED" and Crowning.of(run.tags)
        ]
        if not verdicts:
            return
        model = self._model()
        known = [verdict.id for verdict in verdicts]
        last = model.tags.get(VERDICT)
        for verdict in verdicts[known.index(last) + 1 if last in known else 0 :]:
            self._show(model.name, verdict)

    def _model(self) -> RegisteredModel:
        """Find the experiment's model or make it; its name is another where that is taken."""
        for name in (self._ledger.experiment, f"seqarena-{self._ledger.experiment}"):
            try:
                found = self._client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return self._client.create_registered_model(
                    name, {EXPERIMENT: self._ledger.experiment}
                )
            if found.tags.get(EXPERIMENT) == self._ledger.experiment:
                break
        return found

    def _show(self, name: str, verdict: Run) -> None:
        crowning = Crowning.of(verdict.tags)
        assert crowning is not None
        champion = self._version(name, crowning.champion, verdict, crowning.reason)
        if crowning.challenger is not None:
            self._version(name, crowning.challenger, verdict, crowning.reason)
        now = self._client.get_registered_model(name)
        if champion is not None:
            self._write(now, ALIAS, str(now.aliases.get(ALIAS, "")), champion, self._set_alias)
        told = f"{verdict.tags.get('description', '')}\n\n{crowning.reason}".strip()
        self._write(now, "description", now.description or "", told, self._describe)
        self._client.set_registered_model_tag(name, VERDICT, verdict.id)

    def _write(
        self,
        model: RegisteredModel,
        what: str,
        there: str,
        wanted: str,
        write: Callable[[str, str], object],
    ) -> None:
        """Write what a person has not changed since: a tag holds the digest of what we wrote.

        Before it is written the tag holds both, so that a crash in between is no person.
        """
        key = f"seqarena.{what}"
        if _digest(there) not in model.tags.get(key, _digest("")).split() or there == wanted:
            return
        both = f"{_digest(there)} {_digest(wanted)}"
        self._client.set_registered_model_tag(model.name, key, both)
        write(model.name, wanted)
        self._client.set_registered_model_tag(model.name, key, _digest(wanted))

    def _set_alias(self, name: str, version: str) -> None:
        self._client.set_registered_model_alias(name, ALIAS, version)

    def _describe(self, name: str, text: str) -> None:
        self._client.update_registered_model(name, text)

    def _version(self, name: str, who: Contender, verdict: Run, reason: str) -> str | None:
        """Return the version of a contender's model, registered once; None where it is gone."""
        final = self._ledger.run(who.final)
        found = self._client.search_logged_models(
            [self._experiment], f"tags.`seqarena.run` = '{who.final}'"
        )
        whole = [model for model in found if model.tags.get(WHOLE) == "true"]
        if not whole:
            told = f"{name}: no model of {final.name} to register: its files are others by now"
            print(f"warning: {told}", file=sys.stderr)
            return None
        model = whole[0]  # the newest
        for version in self._client.search_model_versions(f"name = '{name}'"):
            if version.tags.get("seqarena.digest") == model.tags["seqarena.digest"]:
                return str(version.version)
        lineage = {key: final.tags[key] for key in LINEAGE if key in final.tags}
        made = self._client.create_model_version(
            name,
            model.artifact_location,
            model.source_run_id,
            tags={**model.tags, **lineage, "variant": who.variant, VERDICT: verdict.id},
            description=f"{final.name}. When it was registered: {reason}",
            model_id=model.model_id,
        )
        return str(made.version)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
