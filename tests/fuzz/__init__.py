"""Damaged files against the readers of the project: `make fuzz`, and a part of it in the tests."""
