"""The Lambda workers' processes under the embedded AWS, and waiting for what comes."""

import subprocess


def workers(server: int, function: str) -> list[int]:
    """Process numbers of the function's workers under the embedded AWS."""
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()]
    return [int(pid) for pid, parent, command in rows if parent == str(server) and function in command]
