"""How the report came about."""

from __future__ import annotations

from bnfold.report.content.table import Data, Name, Table, table


def environment(data: Data) -> Table | None:
    """Model, versions and machine."""
    rows = [("source", Name(data["source"])), ("read as", data["description"])]
    run = data.get("run")
    if run is not None:
        machine = run["environment"]
        if run["sha256"]:
            rows.append(("SHA-256 of the source", Name(run["sha256"])))
        rows.append(("bnfold", run["version"]))
        rows += sorted(machine["versions"].items())
        rows += [
            ("Python", machine["python"]),
            ("system", machine["platform"]),
            ("processor", f"{machine['cpu']}, {machine['usable_cores']} of {machine['logical_cores']} cores usable"),
            ("time", machine["time"]),
            ("took", f"{run['seconds']:.1f} s"),
        ]
    rows.insert(2, ("objective", data["objective"]))
    return table(("", ""), rows)
