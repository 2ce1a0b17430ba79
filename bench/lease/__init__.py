"""The clouds: which machine this is, what lease it is on, and the renting of others."""
