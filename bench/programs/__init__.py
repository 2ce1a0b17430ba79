"""Anybody's own training command, measured from outside. Standard library only, Python 3.9: it travels as one file."""
