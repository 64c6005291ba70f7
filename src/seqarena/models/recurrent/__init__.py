"""Recurrences whose steps read the state before."""
