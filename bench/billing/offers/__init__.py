"""What machines cost today: one small adapter per source, queried in parallel, each answer with its source and day."""
