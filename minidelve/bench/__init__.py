"""How fast is it? Measured against the limits of the machine, and against PyTorch in turns.

Code that takes times or counts bytes belongs here. What a network learns is measured in experiments/; its parameters
and multiply-adds are counted in analysis/.

timing.py         rounds in turn, medians and spreads; which clock on the CPU and which on a GPU
work.py           the flops and bytes of a kernel's call
machine.py        the rates that a CPU and a GPU cannot exceed
case.py           one thing to time; kernel_cases.py and op_cases.py list them all
networks.py       whole training and inference steps; twin.py builds the same in PyTorch, same_work.py compares them
inference.py      forward passes beside PyTorch's and onnxruntime's (runtime.py), on one thread and on all
profile.py        the share of each kernel in a step
memory.py         peak memory, each in a process of its own
report.py         a run of `minidelve bench` and its file; tables.py is what it says
"""
