"""How the constants of this package's rule were chosen, and whether they hold elsewhere."""
