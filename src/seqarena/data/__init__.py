"""From raw data to memory-mapped splits and padded batches."""
