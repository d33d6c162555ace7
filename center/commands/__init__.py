"""What can be asked of the center on a command line: one file for each command, its arguments and its act."""

FINE, PROBLEM, MISUSE = 0, 1, 2
