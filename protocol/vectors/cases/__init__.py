"""The vectors, a module for each part of the wire."""
