"""Base images that imagelab makes itself: a shell, and a Python."""
