"""Images in one file: docker archives, OCI layouts, plain tars."""
