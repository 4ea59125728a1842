"""The pip runtime: installs packages into a container's root folder from the host's side."""
