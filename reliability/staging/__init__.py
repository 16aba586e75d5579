"""The staging reservation service, the load on it, and the recorder of real experiments."""
