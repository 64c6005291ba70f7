"""Sequence models: frontend -> encoder -> pooling -> head; no ray, mlflow or dvc in here."""
