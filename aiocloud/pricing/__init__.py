"""Money: what sizes cost, how old that knowledge is, and how currencies compare.

catalogue  the dated price tables that ship with the package, or newer ones that the user fetched
money      exchange rates, and the price of an hour
build      the script that makes both out of named sources; `build_gce` is its part for Google
google     what Google bills a machine for
refresh    a reader of Amazon's public price files, as they arrive
fetch      newer prices of EC2 from these files into the user's catalogue
"""
