"""`agentevo inspect`: the local web pages."""

from __future__ import annotations

import typer


def inspect(
    run: str | None = typer.Argument(
        None, metavar="RUN", help="Begin with this run.", show_default="the list of runs"
    ),
    port: int = typer.Option(0, min=0, max=65535, help="On 127.0.0.1; 0: a free one."),
    open_: bool = typer.Option(False, "--open/--no-open", help="Show it in the browser."),
) -> None:
    """Look into runs, episodes and the memory in the browser, and change lessons there."""
    from urllib.parse import quote

    from agentevo.folders import RunError, folder_of, home
    from agentevo.inspector import serve

    start = "/"
    if run is not None:
        folder = folder_of(run)
        if folder.resolve().parent != (home() / "runs").resolve():
            raise RunError(f"{folder} is not under {home() / 'runs'}: set AGENTEVO_HOME")
        start = f"/runs/{quote(folder.name)}"

    def tell(address: str) -> None:
        print(f"{address}\nthe token in it allows changes; Ctrl-C ends it", flush=True)
        if open_:
            typer.launch(address)

    try:
        serve(tell, port=port, start=start)
    except OSError as error:
        raise RunError(f"port {port} cannot be had: {error.strerror}") from None
