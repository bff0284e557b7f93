"""`tollgate doctor`: is everything there that a server needs, and in good order?

Each check is one function in a table (gateway/doctor/table.py), looks and changes nothing, and says
how to mend what it finds. No finding ever repeats the value of a setting that is secret.
"""
