"""Songs and where to find them: recordings, tracks, data sets and excerpts."""
