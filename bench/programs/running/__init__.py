"""A program as a process: started, its output handed on, stopped, and nothing of it left behind."""
