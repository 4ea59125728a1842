"""Volumes: folders that outlive containers, and the mounts by which containers see them."""
