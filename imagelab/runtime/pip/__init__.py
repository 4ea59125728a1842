"""pip for the base image `python:3.12-slim`."""
