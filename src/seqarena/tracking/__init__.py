"""The record of all runs, and what shows it."""
