"""Training: the loop, and in files of their own its options, recipes, setting up, run folder, checkpoint, validation.

Code that turns a data set into a trained run belongs here. Testing a finished run belongs in evaluation/.
"""
