"""An empty App: the time that Textual alone takes to start.

python -m tests.bench.bare
"""

from textual.app import App

if __name__ == "__main__":
    App[None]().run()
