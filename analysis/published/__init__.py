"""Published results as records, and runs in other formats."""
