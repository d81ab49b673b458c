"""What the generated parts of the documentation are made with: `python -m docs.make` writes them all.

A page is written by hand, except for its regions: what stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is
made from the code or from a record of measurements, and a test fails where the two differ.
"""
