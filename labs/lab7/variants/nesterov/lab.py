"""Lab 7 with Nesterov's momentum: the momentum step is another than the source's, the rest is lab 7."""

import runpy
from pathlib import Path

lab7 = runpy.run_path(str(Path(__file__).parents[2] / "lab.py"))

TITLE = "Training: momentum that looks ahead, dropout, and the loop around them"
READING, CUTS, TASKS = lab7["READING"], lab7["CUTS"], lab7["TASKS"]
