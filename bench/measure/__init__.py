"""Measuring: the clock, one run after another, and what machine they ran on."""
