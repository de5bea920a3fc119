"""A page in the browser for people who make music, and the same as an HTTP API; everything stays on this machine."""
