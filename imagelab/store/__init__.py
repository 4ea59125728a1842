"""A folder of images that is an OCI image layout."""
