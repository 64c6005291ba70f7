"""Trials and finals over the processes of a cluster."""
