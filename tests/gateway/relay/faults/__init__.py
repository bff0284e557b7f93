"""What upstreams do wrong, one row a fault: what the client gets then, and what the books say.

`table` is the one table; docs/faults.md is written from it, and every row is tried out over real
sockets with every dialect.
"""
