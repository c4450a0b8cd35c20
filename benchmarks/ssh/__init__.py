"""What the benchmarks of SSH need: the clients that are compared, each in a process of its own, and slow networks.

clients   one function a client
measured  the process that runs one of them, and what it used
delay     a network of long round trips, in a process of its own
"""
