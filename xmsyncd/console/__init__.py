"""What a running daemon serves over HTTP: a status page, its JSON, metrics and health."""
