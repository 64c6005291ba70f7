"""Faults injected into a search and its finals at random moments, and what must hold afterwards."""
