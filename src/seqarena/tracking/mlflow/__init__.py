"""MLflow as a write-only projection of the ledgers; the only package that imports it."""
