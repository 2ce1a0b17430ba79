"""What the numbers mean: pandas over records. Never imports torch."""
