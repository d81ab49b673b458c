"""How long `bnfold --help` takes, against an empty typer app."""
