"""The embedded AWS: one local process, one loopback URL, no account. Nothing outside this folder knows of it."""
