"""The machinery of the course: hand out, overlay, probe, judge, report. What is taught stands in labs/, a folder a lab.

    course.py     the labs, as labs/labN/lab.py and mistakes.py declare them
    task.py       what they are declared with: Task, Mistakes
    overlay.py    the student's files in place of the product's, in a process of its own
    blanks.py     the product's files with the bodies removed that a student writes
    trial/        a student's files tried in a process that can harm nothing
    judging/      right, a known mistake, or what can be seen of an unknown one
    student/      what a student does: start, run, check, submit
    lecturer/     a folder of submissions graded

What stands lower imports what stands higher. A student's code is never loaded here: it runs in a process of its own,
which is given inputs and writes arrays.
"""
