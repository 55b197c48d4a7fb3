"""The subcommands of `minidelve`, a file each: `add_to(subparsers)` declares it, `run(args)` does it.

Code that reads options, calls one function of another room and prints belongs here. Code that computes does not.
"""
