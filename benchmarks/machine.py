"""What a benchmark ran on."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """The processor by name, how many of its cores there are, and the system."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}"
