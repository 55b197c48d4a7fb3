"""What a student does with the course: a lab is handed out, run, checked and handed in.

    files.py           a student's files, looked at before they are run
    folder.py          a student's folder: what was started in it
    handing_out.py     a lab written into it
    experimenting.py   a lab's experiment on the student's files
    trainings.py       the trainings of an experiment, which go on where they were stopped
    checking.py        a lab checked for the student; its lines: report.py
    submitting.py      what is handed in

The student's code itself is loaded in another process alone (trial/).
"""
