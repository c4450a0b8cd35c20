"""The provider's side: a process of its own, which answers with bytes that were made before, after a chosen latency.

server   the process, and how it is started
worlds   which worlds there are, and who answers for each
ec2, linode, nova   what these APIs say of so many nodes, and what a right client makes of it
"""
