"""The pictures of a comparison: each takes arrays and a path and writes one PNG."""
