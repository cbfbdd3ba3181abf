"""A simulated world of PKH families in the input contract, with the truth of its coming year.

Every person, number and figure in it is simulated; configs/simulate.yaml marks what is published and what assumed.
"""

from pipeline.simulate.world import Config, World, build

__all__ = ["Config", "World", "build"]
