"""Plots: their data, drawn by matplotlib as SVG."""
