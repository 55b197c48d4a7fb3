"""Hot loops on raw arrays: contract.py says what each takes and gives, README.md what holds for all.

Checks of arguments, shares and the graph do not belong here: the ops above have them. Never imports minidelve.
"""
