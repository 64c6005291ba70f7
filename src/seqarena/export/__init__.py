"""Trained models in the form of other runtimes."""
