"""Records: what was measured, as immutable documents. Imports nothing of ours but the errors."""
