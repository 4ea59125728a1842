"""The nouns of the OCI image-spec: digests, references, layers, manifests, images."""
