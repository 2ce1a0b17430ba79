"""Money: prices, billing rules, and costs computed from them. Rules and prices are data. Unknown is never 0."""
