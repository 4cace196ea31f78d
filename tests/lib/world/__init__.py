"""The world in which the tests and the demonstration run: what tests/lib/enter made private, filled
with real programs. Each module here is one of them: the bus, the journal, Kratos, its database, sshd,
kratosd, pamtester. Everything works only inside tests/lib/enter, as root.
"""
