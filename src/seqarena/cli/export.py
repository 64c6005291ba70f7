"""The command that gives a trained model to another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqarena.cli.predict import Name, Variant, expect_file, load_best


def export(
    experiment: Name,
    onnx: Annotated[Path, typer.Option(help="write the model as this ONNX file")],
    variant: Variant = None,
) -> None:
    """Write the best final of an experiment as one graph, and see that it answers the same."""
    from seqarena.experiments import load
    from seqarena.export.onnx import export_onnx
    from seqarena.tracking.prepared import known_digest

    expect_file("--onnx", onnx, "model.onnx")
    predictor = load_best(experiment, variant)
    digest = known_digest(load(experiment))
    exported = export_onnx(predictor, onnx, {"data": digest} if digest else {})
    print(
        f"{onnx}: {predictor.about['variant']}: {', '.join(exported.outputs)}; {exported.meaning}"
    )
    if exported.difference is None:
        print("not checked: `pip install onnxruntime` compares its outputs with the model's own")
    else:
        print(f"in onnxruntime at most {exported.difference:.1g} from the model's own outputs")
