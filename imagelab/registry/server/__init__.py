"""A registry of one's own: a folder of repositories, and the HTTP API over it."""
