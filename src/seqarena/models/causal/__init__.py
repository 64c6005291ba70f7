"""Layers over all steps at once that read no later one, and go on from a state."""
