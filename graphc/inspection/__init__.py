"""Views of every stage of a program, as text and as data; the command line prints them.

`loading.load` finds the program, `stages.view`, `summary.view` and `running.run` look at it. They
are functions of what they are given: nothing here prints, and only `rendering` knows terminals.
"""
