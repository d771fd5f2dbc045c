#!/usr/bin/env python3
"""Compares what a generated Python client offers with what it has to offer.

    compare_docs.py WANTED GENERATED      exits 1 and says where they differ
    compare_docs.py --facts DOCS          prints the facts of a docs/UsersApi.md as JSON

WANTED and GENERATED are each the `docs/UsersApi.md` of a generated client or facts printed before. Facts are
operations with method and path, signatures, parameters with type, needed or not, default and place in the
order, return types, authorisation, content types, statuses with their headers. Prose is no fact.
"""

import json
import re
import sys


def section(text, title):
    """The part of an operation's text below a heading of level three."""
    match = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^### |^\[\[Back to top|\Z)", text, re.S | re.M)
    if match is None:
        raise SystemExit(f"no section {title!r} in:\n{text[:200]}")
    return match.group(1)


def rows(table):
    """The cells of a table's rows, without its head and its rule."""
    lines = [line.strip() for line in table.splitlines() if "|" in line]
    if "This endpoint does not need any parameter." in table:
        return []
    cells = []
    for line in lines:
        if set(line) <= set("-|: ") or line.startswith(("Name |", "| Status", "|Status")):
            continue
        cells.append([cell.strip() for cell in line.strip("|").split("|")])
    return cells


def bare(cell):
    """A cell without its emphasis and links: `[**User**](User.md)` is `User`."""
    return re.sub(r"\]\([^)]*\)", "", cell).replace("[**", "").replace("**", "").strip()


def parameters(text):
    """Name, type, whether it may be left out and what it is then, in order."""
    found = []
    for cells in rows(section(text, "Parameters")):
        notes = cells[-1]
        default = re.search(r"\[default to ([^\]]*)\]", notes)
        found.append({
            "name": bare(cells[0]),
            "type": bare(cells[1]),
            "optional": "[optional]" in notes,
            "default": default.group(1) if default else None,
        })
    return found


def statuses(text):
    """Each status, in order, with the names of its headers."""
    found = []
    for cells in rows(section(text, "HTTP response details")):
        headers = re.findall(r"\* ([\w-]+) -", cells[2])
        found.append({"status": int(bare(cells[0])), "headers": headers})
    return found


def facts(text):
    """All facts of a docs page, by operation."""
    listed = dict(
        (name, f"{method} {path}")
        for name, method, path in re.findall(r"^\[\*\*(\w+)\*\*\]\([^)]*\) \| \*\*(\w+)\*\* (\S+)", text, re.M)
    )
    operations = {}
    for block in re.split(r"^# (?=\*\*)", text, flags=re.M)[1:]:
        name = re.match(r"\*\*(\w+)\*\*", block).group(1)
        headers = section(block, "HTTP request headers")
        operations[name] = {
            "route": listed[name],
            "signature": re.search(r"^> (.*)$", block, re.M).group(1).strip(),
            "parameters": parameters(block),
            "returns": bare(section(block, "Return type")),
            "authorization": re.findall(r"\[(\w+)\]\(", section(block, "Authorization")),
            "content_type": re.search(r"\*\*Content-Type\*\*: (.*)", headers).group(1).strip(),
            "accept": re.search(r"\*\*Accept\*\*: (.*)", headers).group(1).strip(),
            "statuses": statuses(block),
        }
    return {"base": re.search(r"All URIs are relative to \*(\S+)\*", text).group(1), "operations": operations}


def read(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return json.loads(text) if path.endswith(".json") else facts(text)


def differences(wanted, got, where):
    """The places where two trees of facts differ, in words."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in sorted(wanted.keys() | got.keys()):
            yield from differences(wanted.get(key), got.get(key), f"{where}.{key}")
    elif wanted != got:
        yield f"{where.lstrip('.')}:\n  wanted {json.dumps(wanted)}\n  got    {json.dumps(got)}"


def main(arguments):
    if len(arguments) != 2:
        raise SystemExit(__doc__)
    if arguments[0] == "--facts":
        print(json.dumps(read(arguments[1]), indent=1))
        return 0
    wanted, got = read(arguments[0]), read(arguments[1])
    if not wanted["operations"]:
        raise SystemExit(f"{arguments[0]} names no operation")
    found = list(differences(wanted, got, ""))
    for difference in found:
        print(difference)
    print(f"{len(wanted['operations'])} operations compared, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
