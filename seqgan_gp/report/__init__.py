"""The report of runs: one page with their samples, curves and scores, and looks into their critic and generator.

`runs` reads run folders, each section is a function from a run to plain data, and `page` makes them one HTML file. It
has all that it shows inside and asks the network for nothing.
"""
