"""Write the table of the README from the Michigan study; `make readme` runs it, a test compares."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
START = "<!-- table T4 of reports/michigan; `make readme` writes it, a test compares it -->\n"
END = "<!-- end of table -->"
COLUMNS = ("estimate", "std. error", "95 % interval", "firms")


def table(results: dict[str, object]) -> str:
    """Table T4 as plain text, from the numbers of results.json."""
    numbers = results["numbers"]
    assert isinstance(numbers, list)
    shown = {(n["row"], n["column"]): n["shown"] for n in numbers if n["exhibit"] == "T4"}
    names = list(dict.fromkeys(row for row, _ in shown))
    lines = [f"{'effect of a grant on':<48}" + "".join(f"{c:>18}" for c in COLUMNS)]
    last = ""
    for name in names:
        outcome, _, rest = name.partition(": ")
        if outcome != last:
            lines.append(outcome)
            last = outcome
        lines.append(f"  {rest:<46}" + "".join(f"{shown[name, c]:>18}" for c in COLUMNS))
    return "\n".join(line.rstrip() for line in lines)


def with_table(readme: str, text: str) -> str:
    """The README with its table replaced."""
    head, _, rest = readme.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}```\n{text}\n```\n{END}{tail}"


def main() -> None:
    """Replace the table in README.md."""
    results = json.loads((ROOT / "reports" / "michigan" / "results.json").read_text("utf-8"))
    path = ROOT / "README.md"
    path.write_text(with_table(path.read_text("utf-8"), table(results)), "utf-8")


if __name__ == "__main__":
    main()
