"""Published trials: a file with one line or row per run."""
