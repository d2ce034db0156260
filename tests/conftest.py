from hypothesis import settings

# How long one example takes is the machine's affair, not the test's.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
