"""A sweep: recipes x machines x clouds x pricing, from one file. Planned here without an account; run by SkyPilot."""
