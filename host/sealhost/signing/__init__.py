"""Where signing keys live: key files, and what signs with them."""
