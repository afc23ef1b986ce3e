# Frozen into the unix port where it has no machine code emitter.
include("manifest.py", bytecode=True)
