"""What recipes share: the data set, augmentation, optimisers, evaluation, and how a device is driven."""
