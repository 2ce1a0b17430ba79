"""The rows of the cost table and of the table of leases, with their footnotes."""
