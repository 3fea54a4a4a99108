"""The simple and classical methods that a task's network must beat, on the same held-out data."""
