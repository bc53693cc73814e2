"""The command's entry point."""

import typer

app = typer.Typer(name="sluice", no_args_is_help=True, help="A self-hosted media server.")


@app.callback()
def sluice() -> None:
    """Serve and watch your own films."""


def main() -> None:
    """Run the command."""
    app()
