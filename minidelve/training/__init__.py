"""Training: the loop, and in files of their own its options, recipes, setting up, validation; the state
of a run, the checkpoint file that holds it, and the folder that it leaves behind.

What belongs here turns a data set into a trained run. Testing a finished run in the paper's ways is evaluation/.
"""
