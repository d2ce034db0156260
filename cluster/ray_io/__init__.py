"""The only modules that speak to Ray. They start processes and call Ray's REST interface; `ray` itself is not imported."""
