"""bench: how long and how many dollars it takes to train a model to a quality, and how sure we are."""

__version__ = "0.1.0"
