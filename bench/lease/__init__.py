"""The lease of the machine this runs on: which machine it is, since when it is paid for, at what price."""
