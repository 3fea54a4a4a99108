"""From a command line to a result: what the commands share, and the parts of the larger ones.

Of every command that trains:

options.py          options, how they are checked, and the error for a wrong one
command.py          how a command starts and ends: its folder, devices and result
run.py              a run from its folder to its result
watching.py         what is seen of it while it trains, and the signals that stop it
optimizers.py       optimizers and schedules

Of some:

train_options.py    the options of `train`
recipes.py          its recipes; books.py: those of *Dive into Deep Learning*
networks.py         its networks by name; loading.py: a trained one, for `evaluate` and `predict`
profiles.py         where its time goes
makers.py           the networks of `synthesize`; judging.py: how good what they make is
following.py        the trackers of `track`
restoring.py        the end of `denoise` and `superresolve`
"""
