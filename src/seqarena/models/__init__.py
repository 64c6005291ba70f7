"""Sequence models: frontend -> encoder -> head; no ray, mlflow or dvc in here."""
