"""What rules make their fixes of: edits, and plans of how code is written otherwise.

`edits` spells names, places imports and cuts statements out; the others each know one cure. Nothing here
imports libcst: fixes that restructure code are carried out in `rewrites`.
"""
