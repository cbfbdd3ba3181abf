"""The web desk: planners review, decide and hand over what was published; auditors look. It imports no model."""
