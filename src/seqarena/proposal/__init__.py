"""From the user's own files to an experiment: what is there, and what is worth comparing on it."""
