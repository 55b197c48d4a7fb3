"""Training: from options and a data set to a trained run.

Testing a finished run in the paper's ways is evaluation/. What belongs here, from the inside out:

    loop.py         epochs, batches, forward, backward, step: begin here
    setting_up.py   network, optimizer, schedule and statistics, before the first epoch
    state.py        what changes from epoch to epoch: how it is put into a checkpoint and taken up again on --resume
    checkpoint.py   the file of a checkpoint        run_folder.py   the folder of a run
    config.py       every option, declared once     recipes.py      sets of options, the paper's among them
    views.py        crops and scales of images      validation.py   top-1 and top-5 error after each epoch
    versions.py     the libraries that are kept with a run
"""
