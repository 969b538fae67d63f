"""The range test without any framework: numpy and the standard library only."""
