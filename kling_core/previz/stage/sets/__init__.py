"""The ten places of the stage, one file each (both streets share one); `places.py` puts them together."""
