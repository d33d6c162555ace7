"""Movement: a camera is moved, watched and put back, in a child."""
