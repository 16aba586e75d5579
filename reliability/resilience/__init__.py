"""State that must survive failing dependencies and several callers at once."""
