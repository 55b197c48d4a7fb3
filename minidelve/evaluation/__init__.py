"""Testing trained networks in the paper's ways: centre crop, ten views, dense windows, scales, ensembles, pictures.

Code that scores images with finished weights belongs here. The test after each epoch is training/validation.py.
Start with ten_views.py (crops), then windows.py (the pyramids of all windows of a map at once) and dense.py
(which uses them), then ensemble.py (scores averaged over scales and runs).
"""
