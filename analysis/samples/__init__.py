"""Sampled programs: what a whole run would take and cost. Derived from records, never stored."""
