"""Recorded results made again, from their commit and their data, and held against the record."""
