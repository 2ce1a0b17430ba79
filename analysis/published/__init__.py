"""Published results as records, and runs in the formats of others."""
