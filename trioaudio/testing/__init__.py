"""For people who test their own sources, models and apps: far ends and models that do what a test says, and proofs to run."""

from ._far_end import Ear as Ear
from ._far_end import ScriptedFarEnd as ScriptedFarEnd
from ._stamps import STAMPED as STAMPED
from ._stamps import count_stamped as count_stamped
from ._stamps import indices as indices
from ._stamps import item_number as item_number
from ._stamps import say as say
from ._stamps import stamp as stamp
