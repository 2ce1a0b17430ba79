"""What a sweep would take: machines, hours and dollars."""
