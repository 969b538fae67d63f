"""One file per framework, each with a function `lr_find` that hands `ramp(sweep) -> Curve` to the core."""
