"""The edge of the house: read, recognise, check and write layers.

Everything that comes from a file passes through here once, and is listed where it was repaired, set
aside or decided; inside, functions trust their inputs.
"""

from __future__ import annotations

from basin.layers.atomic import atomic_write, refuse_existing, whole_set
from basin.layers.checks import check_layers, match_sections, stack_layers
from basin.layers.database import is_database, shown_source
from basin.layers.dictionary import column_dictionary
from basin.layers.many import file_names, files_written, write_files
from basin.layers.measurements import parse_measurement
from basin.layers.problems import Problem, make_problem, problems_frame, unreadable
from basin.layers.read import read_layer
from basin.layers.sandbox import Limits
from basin.layers.sources import find_layers, layer_names, unused_files
from basin.layers.write import write_layers

__all__ = [
    "Limits",
    "Problem",
    "atomic_write",
    "check_layers",
    "column_dictionary",
    "file_names",
    "files_written",
    "find_layers",
    "is_database",
    "layer_names",
    "make_problem",
    "match_sections",
    "parse_measurement",
    "problems_frame",
    "read_layer",
    "refuse_existing",
    "shown_source",
    "stack_layers",
    "unreadable",
    "unused_files",
    "whole_set",
    "write_files",
    "write_layers",
]
