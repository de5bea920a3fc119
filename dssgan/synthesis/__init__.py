"""Songs composed by rule and rendered with real instruments."""
