"""``python -m benchmarks.calibration [RUNS]``: how often the verdict errs, by simulation."""
