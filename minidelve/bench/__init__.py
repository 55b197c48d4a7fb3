"""How fast is it?  Measured against the limits of the machine, and against PyTorch, never against a memory.

timing.py        rounds in turn, medians and spreads; which clock on the CPU and which on a GPU
machine.py       what this machine, or its GPU, can do at most: products and copies
meter.py         the limits and the clocks that go with a device
case.py          one thing to time, and how large its arrays are
kernel_cases.py, op_cases.py, cases.py    every kernel and op, with the work it does
networks.py      whole training and inference steps
twin.py          the same in PyTorch
profile.py       the share of each kernel in a step
memory.py        peak memory, each in a process of its own
options.py, report.py, case_table.py, step_table.py    a run of `minidelve bench`: what it prints and keeps
"""
