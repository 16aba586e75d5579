"""Run the command line with `python -m reliability`."""

from reliability.cli import main

if __name__ == "__main__":
    main()
