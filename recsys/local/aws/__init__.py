"""MiniStack, and what must be mended in it. Only this folder knows MiniStack, so that another host could replace it."""
