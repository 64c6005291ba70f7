"""What a run computes on, and how busy that is; by MLflow's names, whose page shows it so."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil
import torch

from seqarena.tracking.environment import processor

EVERY = 10.0  # seconds between samples: shorter runs have none
MEGABYTE = 1e6


def hardware(device: torch.device) -> str:
    """Name the kind of a device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


class SystemMetrics:
    """CPU, memory and GPU of the machine, asked for between epochs.

    How busy the CPU was is the mean since the last sample, so that no thread has to look.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        psutil.cpu_percent()  # counts from here
        self.sampled = time.monotonic()

    def sample(self) -> dict[str, float]:
        """Return the values by name; none where it is too early."""
        if time.monotonic() - self.sampled < EVERY:
            return {}
        self.sampled = time.monotonic()
        memory = psutil.virtual_memory()
        values = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": memory.percent,
            **(self._gpu() if self.device.type == "cuda" else {}),
        }
        return {f"system/{name}": float(value) for name, value in values.items()}

    def _gpu(self) -> dict[str, float]:
        free, total = torch.cuda.mem_get_info(self.device)
        values = {
            "memory_usage_megabytes": (total - free) / MEGABYTE,
            "memory_usage_percentage": 100 * (total - free) / total,
        }
        with suppress(Exception):  # without nvidia-ml-py, or where the driver does not tell
            values["utilization_percentage"] = torch.cuda.utilization(self.device)
        return {f"gpu_{self.device.index or 0}_{name}": value for name, value in values.items()}
