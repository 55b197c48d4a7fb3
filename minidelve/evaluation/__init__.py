"""The paper's ways of testing a network: centre crop, ten views, dense windows, scales, ensembles.

Start with views.py (crops), then windows.py (the pyramids of all windows of a map at once) and dense.py
(which uses them), then ensemble.py (scores averaged over scales and runs).
"""
