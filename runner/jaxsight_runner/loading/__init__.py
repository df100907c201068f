"""From a request to the user's function: what an import would run, the import, the name."""
