"""Attention over states, and what is made of it alone."""
