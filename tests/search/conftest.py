"""One Ray for all searches and finals of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seqarena.search.cluster import Slot, cluster


@pytest.fixture(scope="package")
def slot() -> Iterator[Slot]:
    with cluster() as slot:
        yield slot
