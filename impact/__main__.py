"""`python -m impact` is the command `impact`."""

from impact.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
