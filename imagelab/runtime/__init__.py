"""Who runs a program of an image, and what it may reach."""
