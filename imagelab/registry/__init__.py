"""A registry: images over the network, by tag and by digest."""
