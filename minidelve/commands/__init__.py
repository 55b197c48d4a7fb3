"""The subcommands of `minidelve`, a file each: `add_to(subparsers)` declares it, `run(args)` does it.

What reads options, calls one function of another room and prints belongs here; what computes does not.
"""
