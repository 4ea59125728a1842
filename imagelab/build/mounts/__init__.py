"""RUN --mount: files that one RUN sees, and that no layer, config or cache record of the image has."""
