"""Work that is done once for each data set: import, check, decode and contribute."""
