"""A causal transformer of what comes next: learned with torch where that is installed, served with numpy alone."""
