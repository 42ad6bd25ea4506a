"""Through nginx."""
