"""The command: hands over to deploy/cli.py."""

import sys

if __name__ == "__main__":
    try:
        from deploy.cli import main
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: {sys.executable} has no module {error.name}\n"
            "       fix: run `make install` and use .venv/bin/python, or use the engine's image"
        )
    sys.exit(main(sys.argv[1:]))
