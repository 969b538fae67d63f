"""What a range test plans and measures, and what can be read from it: plain data and functions of it."""
