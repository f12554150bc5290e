"""The two demo businesses: the same people, numbers and texts each time, dated back from now.

`data/` says what there is, `company` sets up the business, and `story` lives through its last sixty days by the same
doors as real texts: `receiving`, `sending`, `opt_outs`.
"""
