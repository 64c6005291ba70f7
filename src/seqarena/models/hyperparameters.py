"""What parts of models are built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Hyperparameters = Mapping[str, Any]
Space = Mapping[str, Any]  # dimensions as in params.yaml
MIXTURE = "mixture"  # with what a language model is interpolated, see `interpolated`
