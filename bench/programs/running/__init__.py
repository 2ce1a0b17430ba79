"""A program as a process: started, its output passed on, stopped, and nothing of it left behind."""
