"""`python -m agentevo`."""

from agentevo.cli import main

if __name__ == "__main__":
    main()
