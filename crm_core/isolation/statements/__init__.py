"""``ctx.sql`` of a plugin in a worker: statements travel as what they are made of, never as text.

``outgoing`` in the worker takes a SQLAlchemy Core construct apart, ``incoming`` in the host puts an equal one together,
which then goes through the same door as the statement of any plugin (``plugin_api.sql``).

A statement on the wire is ``[shape, values]``. The shape is a MessagePack list of nodes, each a list of its kind's name
and its arguments; what a node is made of are numbers of nodes before it, and the last node is the statement. Values are
kept beside it, for they may be of any type that ``values`` lets travel.
"""
