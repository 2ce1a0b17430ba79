"""What machines cost today: one small adapter a source, asked side by side, each answer with its source and day."""
