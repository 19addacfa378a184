"""What must be true of a host before a profile's engine is started on it.

``system`` and ``nvml`` read the host into the values of ``host``, ``hub`` and ``checkpoint`` the
model's files; ``gpus``, ``interconnect``, ``resources``, ``software`` and ``model_files`` judge
those values, and ``port`` tries the port. ``codes`` has the words for every fault.
"""
