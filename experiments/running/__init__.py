"""What all commands that train share: options, folders, optimizers, recipes, the loop and its end.

`command` starts a command and writes its result, `run` goes from a run's folder to its result, and
`options` and `train_options` are what the command line takes.
"""
