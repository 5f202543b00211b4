"""What frameworks do with signals and exits, as data: each fact with the versions it is known for, and how.

- ``trainers``: what Lightning and the Hugging Face Trainer make of signals while they train.
- ``commands``: what absl, click, typer, hydra, fire and tyro make of a main function's exit codes.
- ``takeovers``: what replaces a handler (Ray, Hugging Face's just-in-time checkpoints), or runs elsewhere (submitit).

``accelerate launch`` starts the script with Popen and waits: nothing for a script to know (see ``launch/``). Where a
fact differs from version to version, the project's pins decide; unknown is unknown.
"""
