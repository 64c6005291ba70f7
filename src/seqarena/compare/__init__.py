"""From per-example test scores to a verdict: statistics, sentences, pictures and the report."""
