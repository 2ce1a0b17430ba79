"""What is missing on this machine for a command to do its work, and how to get it.

A probe looks at one thing and reports findings. None measures anything, and none leaves anything behind but what
every command leaves: an object in the bucket of an S3 store that shows that it takes one.
"""

from bench.doctor.finding import PURPOSES, Asked, Finding, Purpose
from bench.doctor.probes import PROBES, findings

__all__ = ["PROBES", "PURPOSES", "Asked", "Finding", "Purpose", "findings"]
