"""Brute-force truth about learning rates on many small tasks, and the regret of anything that suggests a rate."""
