"""Published tables, made again with our models on the same data."""
