"""Training: the loop, and in files of their own its options, recipes, setting up, validation; the state
of a run, the checkpoint file that holds it, and the folder that it leaves behind.

Code that turns a data set into a trained run belongs here. Testing a finished run belongs in evaluation/.
"""
