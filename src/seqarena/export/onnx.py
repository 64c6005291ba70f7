"""A trained model as one ONNX graph, for runtimes without Python, held to what it answers here.

Inputs are ``inputs (batch, length, *feature_shape)`` as the experiment's data is prepared and
``lengths (batch,)``; see `OUTPUTS` for what comes out.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch, collate
from seqarena.data.store import Array, DataSpec
from seqarena.errors import InputError, in_one_line
from seqarena.export.traceable import sizes_traced, traceable
from seqarena.files import new_file
from seqarena.models.crf import CRFHead
from seqarena.models.heads import Head, StepHead
from seqarena.models.interpolated import Interpolated
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.models.writing.autoregressive import Decoder
from seqarena.models.writing.ctc import CTCHead
from seqarena.predict import Predictor
from seqarena.tasks.conformal import Calibrates, widened

TOLERANCE = 1e-4  # of an output, absolute and of its size
LENGTHS = (9, 24, 17, 1, 3)  # of the random sequences that a graph is checked on, two at a time
NEEDS = ("onnx", "onnxscript")
INT64 = 7  # as ONNX numbers its types
LOGITS, STEPS, ATTENTION, QUANTILES = "logits", "steps", "attention", "quantiles"
OUTPUTS = {
    LOGITS: "(batch, outputs), or (batch, steps, outputs) where each step has its own",
    STEPS: "(batch,): how many steps of each sequence the model has; what is beyond is padding",
    ATTENTION: "(batch, heads, queries, steps): what was looked at",
    QUANTILES: "(batch, values, levels): calibrated, in the scale of the logits",
}


class Exported(NamedTuple):
    """What was written, and how far its outputs are from those here."""

    outputs: tuple[str, ...]
    difference: float | None  # the greatest; None where onnxruntime is not there to tell
    meaning: str


def export_onnx(predictor: Predictor, path: Path, about: dict[str, str]) -> Exported:
    """Write a model with what a user of it needs to know as its metadata, `about` among it.

    Raises `InputError` where it has no such form, saying why, or where its outputs in onnxruntime
    are further than `TOLERANCE` from those here: nothing is written then.
    """
    for name in NEEDS:
        if find_spec(name) is None:
            raise InputError(f"--onnx: needs {name}; `pip install seqarena[onnx]`")
    reason = unexportable(predictor.model)
    if reason is not None:
        raise InputError(f"--onnx: {predictor.about['variant']} {reason}")
    graph = Graph(predictor)
    program = _traced(graph, predictor)
    meaning = meaning_of(predictor.model.head)
    program.model.metadata_props.update(_metadata(predictor, about, graph.names, meaning))
    with new_file(path) as partial:
        program.save(str(partial))
        difference = _difference(predictor, graph.names, partial)
    return Exported(graph.names, difference, meaning)


def unexportable(model: SequenceModel) -> str | None:
    """Return why a model is no one graph, or None where it is."""
    if isinstance(model, Interpolated):
        return "looks up what it has counted, token by token: no one graph"
    if isinstance(model.head, Decoder):
        fix = "ask it by `seqarena predict`, or serve its MLflow model"
        return f"writes token by token, each from those before it, by a search: no one graph; {fix}"
    return None


def meaning_of(head: Head) -> str:
    """Say what the logits of a head are."""
    if isinstance(head, CTCHead):
        return "logits are emissions: `decode` them by CTC, token 0 is the blank"
    if isinstance(head, CRFHead):
        return "logits are emissions: Viterbi with `transitions` says the labels"
    if isinstance(head, StepHead):
        return "logits are of each step"
    return "logits are of the whole sequence"


class Graph(nn.Module):
    """A model from tensors to tensors, as it is traced."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.model: SequenceModel = traceable(predictor.model)
        self.task = predictor.task
        with torch.no_grad():
            found = self._outputs(predictor.model, *example(predictor.spec, (3, 2)))
        self.names = tuple(found)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in the order of `names`."""
        return tuple(self._outputs(self.model, inputs, lengths).values())

    def answer(self, model: SequenceModel, inputs: Tensor, lengths: Tensor) -> list[Array]:
        """Return what a model itself says, in the order of `names`."""
        with torch.inference_mode():
            return [found.numpy() for found in self._outputs(model, inputs, lengths).values()]

    def _outputs(self, model: SequenceModel, inputs: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        output: Logits = model(Batch(inputs, lengths, lengths))
        named = {LOGITS: output.logits.float(), STEPS: output.lengths.clone()}
        if isinstance(self.task, Calibrates):
            margins = model.head.get_buffer("margins")
            named[QUANTILES] = widened(self.task.quantiles(named[LOGITS]), margins)
        return named if output.weights is None else named | {ATTENTION: output.weights}


def example(spec: DataSpec, lengths: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw sequences of a data set's kind, of these lengths where they are not all of one."""
    random = np.random.default_rng(seed)
    if _of_one_step(spec):
        lengths = (1,) * len(lengths)
    batch = collate([_drawn(random, (n, *spec.feature_shape), spec) for n in lengths])
    return batch.inputs, batch.lengths


def _of_one_step(spec: DataSpec) -> bool:
    return spec.modality == "image"


def _drawn(random: np.random.Generator, shape: tuple[int, ...], spec: DataSpec) -> Array:
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        return random.normal(size=shape).astype(kind)
    most = len(spec.vocabulary) or (256 if spec.pixel_stats else 2)  # tokens, pixels, keys
    return random.integers(1 if spec.vocabulary else 0, most, shape).astype(kind)


def _traced(graph: Graph, predictor: Predictor) -> Any:
    # Of sizes that no part of a model has, nor divides: tracing takes a size it knows for fixed.
    inputs, lengths = example(predictor.spec, (211, 89, 97))
    batch = torch.export.Dim("batch", min=1)
    steps = {} if _of_one_step(predictor.spec) else {1: _any_length(graph.model)}
    shapes = ({0: batch, **steps}, {0: batch})
    try:
        with _quiet(), sizes_traced(graph.model), torch.no_grad():
            traced = torch.export.export(
                graph.eval(),
                (inputs, lengths),
                dynamic_shapes=shapes,
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,  # that no size breaks
            )
            return torch.onnx.export(
                traced,
                dynamo=True,
                dynamic_shapes=shapes,  # for the names
                input_names=["inputs", "lengths"],
                output_names=list(graph.names),
                custom_translation_table=RUNNING,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError) as error:
        why = in_one_line(error.__cause__ or error)
        name = predictor.about["variant"]
        raise InputError(f"--onnx: {name} cannot be traced: {why}") from error


def _any_length(model: SequenceModel) -> Any:
    """Say that lengths differ, from the first of two steps of the encoder on.

    Tracing takes one step for another thing than many; what it makes of these holds for one too,
    as the check of its outputs tells.
    """
    least = next(length for length in count(2) if model.frontend.steps(length) > 1)
    return torch.export.Dim("length", min=least)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what torch tells its own developers, and a kernel that no other runtime has."""
    log, fast = logging.getLogger("torch.onnx"), torch.backends.mha.get_fastpath_enabled()
    level = log.level
    log.setLevel(logging.CRITICAL)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        log.setLevel(level)


def _metadata(
    predictor: Predictor, about: dict[str, str], names: tuple[str, ...], meaning: str
) -> dict[str, str]:
    """Return what is to be known for feeding a model and reading it: each value text or JSON."""
    told: dict[str, Any] = {
        **predictor.about,
        **about,
        "spec": asdict(predictor.spec),
        "classes": predictor.spec.classes or predictor.spec.target_vocabulary,
        "outputs": {name: OUTPUTS[name] for name in names},
        "meaning": meaning,
    }
    if isinstance(predictor.task, Calibrates):
        told["levels"] = predictor.task.levels
    head = predictor.model.head
    if isinstance(head, CRFHead):
        told["transitions"] = {name: part.tolist() for name, part in head.chain._asdict().items()}
    return {
        f"seqarena.{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in told.items()
    }


def _difference(predictor: Predictor, names: tuple[str, ...], path: Path) -> float | None:
    """Return how far the outputs of a graph are from the model's own; raises where too far."""
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    graph, greatest = Graph(predictor), 0.0
    for seed, lengths in enumerate([LENGTHS[:1], LENGTHS[1:3], LENGTHS[3:], LENGTHS]):
        inputs, real = example(predictor.spec, lengths, seed)
        fed = {"inputs": inputs.numpy(), "lengths": real.numpy()}
        wanted = dict(zip(names, graph.answer(predictor.model, inputs, real), strict=True))
        found = dict(zip(names, session.run(list(names), fed), strict=True))
        for name in names:
            off = _furthest(name, wanted, found)
            if not off <= TOLERANCE:
                what = f"{name} is {off:.1g} from the model's own for lengths {list(lengths)}"
                raise InputError(f"--onnx: {predictor.about['variant']}: {what}; nothing written")
            greatest = max(greatest, off)
    return greatest


def _furthest(name: str, wanted: dict[str, Array], found: dict[str, Array]) -> float:
    """Return how far an output is from the model's own, where there is a real step."""
    if wanted[name].shape != found[name].shape:
        return float("inf")
    off = np.abs(wanted[name] - found[name]) / np.maximum(1, np.abs(wanted[name]))
    rows = zip(off, wanted[STEPS].tolist(), strict=True)
    if name == ATTENTION:  # of one query, or of as many as steps
        return float(np.max([row[:, :steps, :steps].max() for row, steps in rows]))
    if off.ndim == 3 and name == LOGITS:
        return float(np.max([row[:steps].max() for row, steps in rows]))
    return float(off.max())


def _running(least: bool) -> Any:
    """Return what makes a running least or greatest over the last dimension, which ONNX lacks.

    Their places, of which no model asks, are not told: what asks comes out wrong, and is refused.
    """

    def translate(self: Any, dim: int) -> tuple[Any, Any]:
        from onnxscript import opset18

        op: Any = opset18
        take, kept = op.Min if least else op.Max, list[Any]()
        for place in range(self.shape[-1]):
            column = op.Gather(self, op.Constant(value_ints=[place]), axis=-1)
            kept.append(take(kept[-1], column) if kept else column)
        values = op.Concat(*kept, axis=-1)
        return values, op.Cast(values, to=INT64)

    return translate


RUNNING: dict[Any, Any] = {
    torch.ops.aten.cummin.default: _running(least=True),
    torch.ops.aten.cummax.default: _running(least=False),
}
