# Frozen into the firmware of boards that run Thumb code.
include("manifest.py", thumb=True)
