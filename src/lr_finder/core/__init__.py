"""Searches for a rate, over one function: `ramp(sweep) -> Curve`."""
