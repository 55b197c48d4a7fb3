"""Training: the loop, and in files of their own its options, recipes, setting up, run folder, checkpoint, validation.

What belongs here turns a data set into a trained run. Testing a finished run in the paper's ways is evaluation/.
"""
