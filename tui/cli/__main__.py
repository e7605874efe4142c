"""`python -m tui.cli` is the same as `treetop`. Child processes of treetop start with it."""

from tui.cli.program import main

if __name__ == "__main__":
    main()
