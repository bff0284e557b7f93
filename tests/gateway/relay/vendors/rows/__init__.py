"""What the suite must know of each vendor, a file each."""
