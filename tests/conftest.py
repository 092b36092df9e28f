from hypothesis import settings

# A busy machine makes single examples slow; the suite has its own limits.
settings.register_profile("hardpoint", deadline=None)
settings.load_profile("hardpoint")
