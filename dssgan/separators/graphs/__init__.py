"""Networks of ours as graphs in files: how they are written, and the programs that run them."""
