"""A student's files tried: every task called in a process that is bounded and, where that works, confined.

    calling.py    calls a task's function, and notes all that can be seen of it
    raised.py     what Python's errors say to a student
    child.py      the process in which the student's code runs; what passes to and from it: passing.py
    sandbox.py    what that process may use and see
    stripped.py   the product without a lab's answers, for where nobody looks on
    trying.py     a student's files tried in such a process

Nothing here knows what is right: that is for judging/ to say.
"""
