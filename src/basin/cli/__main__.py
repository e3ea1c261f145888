"""``python -m basin.cli``."""

from basin.cli import main

if __name__ == "__main__":
    main()
