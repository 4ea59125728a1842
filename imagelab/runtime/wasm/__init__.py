"""WebAssembly programs."""
