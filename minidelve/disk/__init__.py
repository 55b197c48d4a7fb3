"""What lies on a disk: written whole or not at all, owned by one process at a time, checked before it is used.

files.py      files and folders that appear when they are complete; a trial of the room before the work
owning.py     folders and files that belong to one process
lock.py       the lock file behind that
records.py    JSON of ours: a kind says what has to be in it, a seal finds a changed byte
npy.py        arrays in .npy and .npz, whose headers are read and bounded before their data

What a particular file holds belongs to the room that writes it: training/ for checkpoints, data/ for stores.
"""
