"""How fast is it?  Measured against the limits of the machine, and against PyTorch, never against a memory.

    timing.py     rounds in turn, medians and spreads
    machine.py    what this machine can do at most: products and copies
    cases.py      every kernel and op, with the work it does
    networks.py   whole training and inference steps
    twin.py       the same in PyTorch
    memory.py     peak memory, each in a process of its own

`minidelve bench` prints what these measure.
"""
