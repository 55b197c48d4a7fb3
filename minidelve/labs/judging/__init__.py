"""The judge: what came back from a trial is right, a known mistake, or what can be seen of it.

    replacing.py     a function of the product replaced for a while, which is how a mistake is made
    differences.py   two results: where they differ, and in what way
    separating.py    by which of the cases a mistake shows
    findings.py      what can be seen of a mistake that is not known
    judge.py         the verdict

The product's functions are called here, and known mistakes in their place; a student's never.
"""
