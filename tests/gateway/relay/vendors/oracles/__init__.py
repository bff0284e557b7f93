"""The fakes, read by their vendors' own clients: what the suite is tested against is not our idea
of a vendor alone."""
