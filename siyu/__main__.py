"""`python -m siyu` is the `siyu` command."""

from siyu.cli import main

# guarded: the processes that pull side by side import this module again
if __name__ == "__main__":
    main()
