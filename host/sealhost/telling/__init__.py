"""Tells people and office systems what happened, by Apprise and by signed webhooks. Nothing waits for it."""
