"""The HTTP interface: sign-in, files by digest, and what the host shows. It decides nothing."""
