"""What sources share: numbers, step names, files of a run. Standard library only, Python 3.9."""
