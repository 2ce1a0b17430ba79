"""What sources share: numbers, names of steps, files of a run. Standard library only, Python 3.9."""
