"""Who is measured, ours and others: each runs in a process of its own (`benchmarks.processes`).

ec2, linode, nova   list all nodes
calls               one small call, many times
accounts            two small calls at each of many endpoints

Each is a context that makes ready whatever can be, and gives what then does the work: that alone is measured. The
work's outcome is judged afterwards by the module's `check`, so that no time counts of what is not right.
"""
