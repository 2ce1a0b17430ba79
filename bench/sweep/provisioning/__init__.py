"""Machines from SkyPilot."""
