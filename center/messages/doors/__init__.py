"""The ways out: one file each, all behind `Door`."""
