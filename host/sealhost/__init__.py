"""Sealbox's host: it coordinates requests, decisions and boxes, and its signature alone opens nothing."""
