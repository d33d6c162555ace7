"""The kitchen a camera sees: a room with furniture, its panorama, a lens that cuts a view out of it, and faults."""
