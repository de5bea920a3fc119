"""The routes of the HTTP API. What needs NumPy is imported when it is asked for: the page does not wait for it."""
