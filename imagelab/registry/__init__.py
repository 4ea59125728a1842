"""Registries: images over the network, by tag and by digest; the client here, a server in `server/`."""
