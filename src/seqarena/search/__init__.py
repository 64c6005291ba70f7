"""Trials and finals over a Ray cluster; the only package that imports ray."""
