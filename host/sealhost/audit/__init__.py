"""Audit: a site's whole history as one file, and its verification without trusting who made it."""
