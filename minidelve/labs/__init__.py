"""The machinery of the course: hand out, overlay, probe, judge, report. What is taught stands in labs/, a folder a lab.

    course.py          the labs, as labs/labN/lab.py and mistakes.py declare them
    blanks.py          the product's files with the bodies removed that a student writes
    files.py           a student's files, looked at before they are run
    folder.py          a student's folder: what was started in it
    handing_out.py     a lab written into it
    experimenting.py   a lab's experiment on the student's files
    trainings.py       the trainings of an experiment, which go on where they were stopped
    submitting.py      what is handed in
    overlay.py         the student's files in place of the product's, in a process of its own
    task.py            what they are declared with: Task, Mistakes
    calling.py         calls a task's function, and notes all that can be seen of it
    raised.py          what Python's errors say to a student
    child.py           the process in which the student's code runs; what passes to and from it: passing.py
    sandbox.py         what that process may use and see
    stripped.py        the product without a lab's answers, for where nobody looks on
    trying.py          a student's files tried in such a process
    differences.py     two results: where they differ, and in what way
    findings.py        what can be seen of a mistake that is not known; by which cases it shows: separating.py
    judge.py           right, a known mistake, or what can be seen
    checking.py        a lab checked for the student; its lines: report.py
    grading.py         a folder of submissions graded, for the lecturer; the processes that do it: workers.py
    submission.py      a zip from outside, read into a fresh folder
    marking.py         one submission marked; what the student may read of it: feedback.py
    again.py           its experiment run again; in the process of that: again_child.py
    marks_table.py     marks.csv; whose functions are alike: similarity.py
    secret.py          the hidden inputs of each student
    replacing.py       a function of the product replaced for a while, which is how a mistake is made

A student's code is never loaded here: it runs in a process of its own, which is given inputs and writes arrays.
"""
