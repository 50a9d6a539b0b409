#!/usr/bin/env python3
"""Checks the documents against the code.  Called by run, from the top of the tree.

Examples.  The ```sql blocks of a file run in order, in one psql session in a
fresh database.  A ```text block right after one is what psql must print; without
it the output does not matter, but no statement may fail.  An HTML comment that
begins with "<!-- sql" runs too: what the reader need not see.

What differs from run to run is compared as a placeholder: row ids, sealed values,
tickets, times with a fraction of a second, the path of the keyring, and how many
objects were set up or dropped.  The widths of columns do not count.

Names.  Relative links, rooms, files in tables, settings, doctor codes, error codes, and
whatever is written as attest.x, attest_data.x, attest_internal.x, attest_report.x.
"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

DOCUMENTS = [Path("README.md"), Path("CONTRIBUTING.md"), *sorted(Path("docs").glob("*.md"))]
SQL = re.compile(r"^```sql\n(.*?)^```\n(?:\n?^```text\n(.*?)^```\n)?|^<!-- sql\n(.*?)^-->\n", re.M | re.S)
MARK = "---- end of block {} ----"
PLACEHOLDERS = [
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\batt1:[\w-]+", "SEALED"),
    (r"\battest1\.[\w-]+\.[\w-]+", "TICKET"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+[+-]\d\d(:\d\d)?", "TIME"),
    (r"\S+/keyring\b", "KEYRING"),
    (r"\d+ steps run, \d+ tenant tables", "N steps run, N tenant tables"),
    (r"cascades to \d+ other", "cascades to N other"),
    (r"-{2,}", "--"),
    (r"[ \t]+", " "),
]
QUALIFIED = re.compile(r"\b(attest|attest_data|attest_internal|attest_report)\.([a-z][a-z0-9_]*)(?![\w<*])")
FILES_OF_OURS = {"control", "c", "so", "conf", "sql"}

tests = 0
failures = 0


def ok(passed, name, *details):
    global tests, failures
    tests += 1
    failures += not passed
    print(f"{'ok' if passed else 'not ok'} {tests} - {name}")
    for detail in details if not passed else ():
        print("\n".join("# " + line for line in str(detail).splitlines()))
    sys.stdout.flush()


def psql(database, text):
    """What psql prints when the text is typed in."""
    settings = {"PGTZ": "Europe/Paris", "PGDATABASE": database, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"}
    return subprocess.run(["psql", "-X"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, **settings}, check=False).stdout


def rows(query):
    out = subprocess.run(["psql", "-XAtq", "-d", "names", "-c", query], text=True, capture_output=True, check=True)
    return set(out.stdout.split("\n")[:-1])


def normalise(text):
    for pattern, placeholder in PLACEHOLDERS:
        text = re.sub(pattern, placeholder, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


def run_blocks(document):
    """The text of the document, and for each block its match and its output."""
    database = re.sub(r"\W", "_", document.stem.lower())
    Path(os.environ["ATTEST_KEYRING"]).unlink(missing_ok=True)
    text = document.read_text()
    blocks = list(SQL.finditer(text))
    script = "".join(f"{b[1] or b[3]}\n\\echo '{MARK.format(i)}'\n" for i, b in enumerate(blocks))
    subprocess.run(["createdb", database], check=True)
    printed = psql(database, script)
    subprocess.run(["dropdb", database], check=True)
    outputs = []
    for i in range(len(blocks)):
        output, _, printed = printed.partition(MARK.format(i) + "\n")
        outputs.append(output)
    return text, list(zip(blocks, outputs))


def check_examples(document):
    text, results = run_blocks(document)
    for block, output in results:
        place = f"{document}:{text.count(chr(10), 0, block.start()) + 1}"
        if block[2] is not None:
            ok(normalise(block[2]) == normalise(output), f"{place} prints what it says", "psql prints:", output)
        else:
            ok(not re.search(r"^(ERROR|FATAL|PANIC|.*: error):", output, re.M), f"{place} runs", output)


def update(document):
    text, results = run_blocks(document)
    for block, output in reversed(results):
        if block[2] is not None and normalise(block[2]) != normalise(output):
            output = "".join(line.rstrip() + "\n" for line in output.strip("\n").splitlines())
            text = text[:block.start(2)] + output + text[block.end(2):]
    document.write_text(text)


def prose(document):
    """The document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)


def anchors(document):
    titles = re.findall(r"^#+ (.*)$", prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_links(document):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    ok(not broken, f"{document}: links", broken)


def files_in_tables(document):
    """(file, where it may be) for each `file` in a table; a heading with `room` names its directory."""
    room = None
    for line in prose(document).splitlines():
        heading = re.match(r"#+ .*?`(\w+)`", line)
        if line.startswith("#"):
            room = heading[1] if heading else None
        if line.startswith("|"):
            for name in re.findall(r"`([\w./-]+(?:\.(?:c|h|sql|pl|py|md|json|control|csv)|/))`", line):
                yield name, [Path(name), document.parent / name] + ([Path("src", room, name)] if room else [])


def check_files(document):
    missing = [name for name, places in files_in_tables(document) if not any(p.exists() for p in places)]
    ok(not missing, f"{document}: files named in tables", missing)


def check_rooms():
    named = {str(place) for _, places in files_in_tables(Path("docs/architecture.md")) for place in places}
    files = [str(p) for p in sorted(Path("src").glob("*/*")) if p.suffix in (".c", ".h", ".sql")]
    ok(not set(files) - named, "docs/architecture.md: names every file of src", sorted(set(files) - named))
    layers = re.findall(r"^(\w+):(.*)$", Path("src/LAYERS").read_text(), re.M)
    rooms = re.findall(r"^## `(\w+)`$.*?\bUses: ([\w, ]+)\.", Path("docs/architecture.md").read_text(), re.M | re.S)
    wanted = [(room, ", ".join(uses.split()) or "nothing") for room, uses in layers]
    ok(rooms == wanted, "docs/architecture.md: the rooms of src/LAYERS", *(set(wanted) ^ set(rooms)))


def check_names(document, names):
    text = document.read_text()
    unknown = {f"{schema}.{name}" for schema, name in QUALIFIED.findall(text)} - names
    unknown = {name for name in unknown if name.split(".")[1] not in FILES_OF_OURS}
    ok(not unknown, f"{document}: objects", sorted(unknown))


def first_column(document, heading):
    section = re.search(rf"^#+ {heading}$(.*?)(?=^#|\Z)", document.read_text(), re.M | re.S)
    return set(re.findall(r"^\| `([\w.]+)`", section[1] if section else "", re.M))


def same(documented, real, name):
    ok(documented == real, name, f"not documented: {sorted(real - documented)}", f"not there: {sorted(documented - real)}")


def check_catalogue():
    subprocess.run(["createdb", "names"], check=True)
    psql("names", "CREATE EXTENSION attest CASCADE; SELECT attest.setup();")
    # attest.ticket is hidden from pg_settings
    settings = rows("SELECT name FROM pg_settings WHERE name LIKE 'attest.%' UNION "
                    "SELECT 'attest.ticket' WHERE current_setting('attest.ticket', true) IS NOT NULL")
    schemas = "('attest', 'attest_data', 'attest_internal', 'attest_report')"
    names = settings | rows(
        f"SELECT n.nspname || '.' || o.name FROM pg_namespace n JOIN (SELECT pronamespace, proname FROM pg_proc UNION "
        f"SELECT relnamespace, relname FROM pg_class UNION SELECT typnamespace, typname FROM pg_type) "
        f"o (schema, name) ON o.schema = n.oid WHERE n.nspname IN {schemas}")
    codes = rows("SELECT sqlstate FROM attest.error_catalog()")
    findings = rows(r"SELECT (regexp_matches(prosrc, 'RETURN QUERY\s+SELECT ''([a-z_]+)''', 'g'))[1] "
                    r"FROM pg_proc WHERE proname LIKE '%\_findings'")
    install = Path("docs/install.md")
    same(first_column(install, "Settings"), settings, "docs/install.md: settings")
    same(first_column(install, "Doctor"), findings, "docs/install.md: findings of the doctor")
    for document in DOCUMENTS:
        check_names(document, names)
        unknown = set(re.findall(r"\bTA\d{3}\b", document.read_text())) - codes
        ok(not unknown, f"{document}: error codes", sorted(unknown))


def check_release():
    version = re.search(r"^default_version = '(.*)'", Path("attest.control").read_text(), re.M)[1]
    meta = json.loads(Path("META.json").read_text())
    wanted = {meta["version"], meta["provides"]["attest"]["version"]}
    ok(wanted == {version + ".0"}, "META.json: the version of attest.control", wanted, version)
    ok(Path(meta["provides"]["attest"]["file"]).exists(), "META.json: the file it names")
    ok(f"## {version}" in Path("CHANGELOG.md").read_text(), "CHANGELOG.md: the version of attest.control")


def main():
    if sys.argv[1:] == ["update"]:
        for document in DOCUMENTS:
            update(document)
    check_release()
    check_rooms()
    check_catalogue()
    for document in DOCUMENTS:
        check_links(document)
        check_files(document)
        check_examples(document)
    print(f"1..{tests}")
    return 1 if failures else 0


sys.exit(main())
