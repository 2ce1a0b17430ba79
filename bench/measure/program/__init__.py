"""A program of one's own, measured from outside: its series of runs, and the record of each."""
