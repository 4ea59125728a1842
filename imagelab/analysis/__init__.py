"""Numbers about images: disk usage, waste, sizes in Docker's stores, changes per layer."""
