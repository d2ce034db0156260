"""The `naviyam` command: one file per verb.

Heavy modules are imported inside the commands, so that `naviyam --help` answers at once. Workloads
(`training`, `deployments`) are named by string, never imported.
"""
