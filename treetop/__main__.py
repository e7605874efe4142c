"""`python -m treetop` is the command `treetop`."""

from tui.cli.program import main

if __name__ == "__main__":
    main()
