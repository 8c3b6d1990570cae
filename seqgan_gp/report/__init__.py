"""The report of runs: one page with their samples, curves and scores, and what their critic and generator have learned.

`runs` reads run folders, each section is a function from a run to plain data, and `page` makes them one HTML file. It
has all that it shows inside and asks the network for nothing.
"""
