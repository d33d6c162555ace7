"""`canteen-agent setup`: from a box with the program on it to one that the center hears. Never imported by `run`."""
