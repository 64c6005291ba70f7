"""Samples/s of training: seqarena over a bare PyTorch loop and over Lightning's Trainer."""

from __future__ import annotations

from typing import Any

from benchmarks import loops
from benchmarks.turns import interleave, tell

COMMON = {
    "learning_rate": 3e-3,
    "weight_decay": 1e-2,
    "dropout": 0.3,
    "embedding": 64,
    "embedding_std": 0.1,
}
CASES: list[tuple[str, str, dict[str, Any], float, float | None]] = [
    # modality, variant, hyperparameters, targets over the bare loop and over Lightning
    ("text", "lstm", {"width": 64}, 1.3, 1.4),
    ("text", "lstm", {"width": 128}, 1.3, 1.4),
    ("text", "gru", {"width": 64}, 0.97, None),
    ("video", "conv_lstm", {"channels": 8, "kernel": 3}, 0.97, None),
]


def main(rounds: int = 15) -> None:
    """Every case with one thread and with two."""
    for modality, variant, own, over_bare, over_lightning in CASES:
        for threads in (1, 2):
            arguments = (modality, variant, COMMON | own)
            seconds = interleave(
                {
                    "seqarena": (loops.seqarena, *arguments),
                    "bare": (loops.bare, *arguments),
                    "lightning": (loops.lightning, *arguments),
                },
                rounds,
                threads,
            )
            size = own.get("width") or own["channels"]
            what = f"{variant} {size}, {threads} thread{'s' * (threads > 1)}"
            ours = seconds["seqarena"]
            tell(f"fit: {what}, over a bare loop", seconds["bare"], ours, over_bare)
            tell(f"fit: {what}, over Lightning", seconds["lightning"], ours, over_lightning)
