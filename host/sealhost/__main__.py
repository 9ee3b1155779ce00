"""`python -m sealhost`."""

from sealhost.cli import main

if __name__ == "__main__":
    main()
