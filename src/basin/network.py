"""Rivers as a directed graph: build and repair, orders, navigation, snapping, accumulation.

``RiverNetwork.from_lines(lines)`` makes lines, as they are drawn, into a graph of reaches that
flow downstream, and lists in ``.issues`` everything that it repaired or that it only proposes.

===============  ===================================================================
``build``        the lines: ids, multi-lines, rings, copies
``join``         gaps at ends, ends in the middle of lines, splitting
``crossings``    shared stretches, overshoots, crossings in mid-line
``topology``     a stated downstream reach beside the geometry
``connectors``   lakes and wide rivers that connect lines
``given``        given node columns beside the geometry
``direction``    which way each reach flows (``bridges``, ``blocks`` find where to ask)
``undirected``   layers drawn in random directions: the likeliest outlet, water in a net of pipes
``witness``      known outlets, sections in order, and what all witnesses say of each reach
``cycles``       reaches that run in a circle, and how to break it
``attributes``   orders, main paths, lengths; every definition with its source
``missing``      connections that may be missing, pieces that stand alone
``assemble``     the stages in turn
``navigate``     sets above and below, walked distances, accumulation
``bulk``         many places at once: pairs as slices, the next target below
``snap``         points on the network
``score``        how well a reach fits what is recorded of a point
``grid``         the spatial index under it; ``kernels`` (numba) where work is large
``joints``       what each repair holds together
``ledger``       the findings and their sentences (``tell``: the network in words)
``base``         the reaches as arrays, and places on them
``ways``         navigation, as methods of the class
``states``       which reaches are two-way, and how they flow now
``twoway``       reaches in which water runs either way, as methods of the class
``loads``        accumulation, as methods of the class
``doubt``        which answers depend on which repairs, as methods of the class
``legal``        rivers as the law sees them, as methods of the class
``merge``        pseudo-nodes merged on request, as methods of the class
``storage``      tables, files and networkx, and back, as methods of the class
``model``        the class that is asked
===============  ===================================================================
"""

from basin._network.ledger import issue_text
from basin._network.model import RiverNetwork

__all__ = ["RiverNetwork", "issue_text"]
