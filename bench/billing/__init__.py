"""Money: prices from a data file or from the user, and costs computed from them. Unknown is never 0."""
