"""A program's output in bounded memory: its lines, and what each source read in them."""
