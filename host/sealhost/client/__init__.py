"""The people's side: what a keeper, an officer or an authority needs on their own machine, in one folder (`profile`).

`profile` keeps key, settings and messages; `trust` decides what is believed; `api` and `post` speak HTTP and MQTT
with the host;
`compose` makes messages, `cases` and `follow` read what others and the boxes say; `draft` and `matters` serve the
authority.
"""
