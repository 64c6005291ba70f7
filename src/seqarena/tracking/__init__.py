"""MLflow as a write-only projection of the ledgers; the only place that imports it."""
