"""Records as pandas frames: runs and leases."""
