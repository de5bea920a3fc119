"""Files in, files out, and changes of rate and channels."""
