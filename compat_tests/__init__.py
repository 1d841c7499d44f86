"""The compatibility suite: replays plugins against core versions, from wheels, as a black box."""
