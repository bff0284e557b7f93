"""The matrix: every endpoint that a client can ask, times every protocol that an upstream speaks.

`rows` are the endpoints, each as a client of one dialect asks it; `columns` are the protocols. A
cell follows from both: as it came, converted, counted here, or not offered. Every cell is tried
over real sockets, whole and as a stream, and docs/matrix.md is written from the same two tables by
`python -m tests.gateway.relay.matrix`.

A new protocol is one more `Column` in columns.py:

- `type` is a channel type that speaks it, and `fakes` says which fake upstream answers what
  (conftest.py starts the fakes; an upstream that none of them plays needs one of its own there);
- `came` are the tasks that pass as they came, `converted` the families that are converted for it;
  all else is not offered, unless `but` says otherwise for a row;
- `says` is what its fake answers and reports, in the classes of usage that events have: for each
  thing that is asked for (`row.what`), or for one row.

Then name it in the groups of rows.py that it has a place in, and write the page anew. A new
endpoint is one more `Row`; tests fail for a route without a row, and a protocol without a column.
"""
