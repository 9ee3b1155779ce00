"""Alterations of everything that is signed or logged, made from the schema, for whoever must notice them.

`changes` alters one payload field by field; `forging` puts an altered payload under every kind of signature; `shelf`
does it to a bundle's items and `chains` to its logs; `town` is a site whose bundle holds a message of every type and
an entry of every kind. Nothing here knows what must come of it: the tests do.
"""
