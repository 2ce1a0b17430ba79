"""What a program shows, kept in bounded memory: its lines, and what each source read in them."""
