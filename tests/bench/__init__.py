"""The benchmark: what one billed request costs, measured from outside on real sockets."""
