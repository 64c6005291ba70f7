"""One Ray for all searches, or finals, of a test file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seqarena.search.cluster import Slot, cluster


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with cluster() as slot:
        yield slot
