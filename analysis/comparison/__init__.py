"""Two recipes or machines compared: faster, cheaper, more often at the target."""
