"""What a suggested rate is worth: brute-force truth on many small tasks, the finders' answers, their regret."""
