"""What a lecturer does with the course: submissions read, marked, and written down.

    grading.py       a folder of submissions graded; the processes that do it: workers.py
    submission.py    a zip from outside, read into a fresh folder
    marking.py       one submission marked; what the student may read of it: feedback.py
    again.py         its experiment run again; in the process of that: again_child.py
    marks_table.py   marks.csv; whose functions are alike: similarity.py
    secret.py        the hidden inputs of each student

Whatever a submission holds, it costs only itself.
"""
