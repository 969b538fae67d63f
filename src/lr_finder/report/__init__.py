"""What the user sees of a result: a plot, and the same in a terminal."""
