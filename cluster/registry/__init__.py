"""Models on disk: what may be loaded, and under which name it is kept."""
