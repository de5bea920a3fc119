"""Songs and where to find them: samples, tracks, data sets and excerpts."""
