"""The wasm runtime: WebAssembly programs, run by wasmtime."""
