"""What the package costs, what its tests notice and what its loader stands, whatever it suggests."""
