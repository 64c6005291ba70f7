"""Speed, as ratios: contenders take turns in one run, each in a process of its own."""
