"""The proof of R13: one fault at one point of an operation, for many points or all; and what is true after each.

points.py        what a point is, its name, and all of them          begin here
runner.py        one point: the fault, what is looked at, the resume, what is looked at again
"""
