"""A simulated world of PKH families in the input contract, with the truth that no registry knows.

Every person, number and figure in it is simulated; configs/simulate.yaml marks what is published and what assumed.
"""

from pipeline.simulate.layout import Part, Piece
from pipeline.simulate.places import Block
from pipeline.simulate.world import Config, blocks, chunks, live

__all__ = ["Block", "Config", "Part", "Piece", "blocks", "chunks", "live"]
