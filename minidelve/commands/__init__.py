"""The subcommands of `minidelve`, a file each: `add_to(subparsers)` declares it, `run(args)` does it."""
