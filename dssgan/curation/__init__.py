"""What is done once for each data set: import, examine, decode, hand on."""
