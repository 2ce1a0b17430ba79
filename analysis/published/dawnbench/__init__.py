"""DAWNBench: its CIFAR-10 training entries, read and written."""
