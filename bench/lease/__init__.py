"""The lease of the machine this runs on: which machine, paid for since when, at what price."""
