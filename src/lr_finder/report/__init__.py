"""What the user sees of a search: a plot, the same in a terminal, and an explanation in plain words."""
