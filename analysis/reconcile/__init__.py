"""Bills: read, matched to leases, beside the estimates."""
