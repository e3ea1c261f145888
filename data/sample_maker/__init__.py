"""The parts of ``make_sample_layers.py``: a schematic Qijiang basin, drawn from seeded noise."""
