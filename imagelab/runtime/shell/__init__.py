"""The shell of imagelab's base images."""
