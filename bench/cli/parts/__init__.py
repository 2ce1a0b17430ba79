"""What several commands share: options and answers, streams, a lease, machines, plans, progress."""
