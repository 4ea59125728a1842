"""From a Dockerfile to an image."""
