"""A client of Fairboard for Python: a game's own server, or a player, blocking or with asyncio."""

from fairboard_client.aio import AsyncPlayer, AsyncServer
from fairboard_client.errors import FairboardError
from fairboard_client.retries import Retries
from fairboard_client.sync import Player, Server
from fairboard_client.types import (
    Action,
    ActionType,
    BatchRow,
    Board,
    BoardStanding,
    Completed,
    Event,
    GamePlayer,
    PlacedRow,
    Profile,
    PublicPlayer,
    Row,
    Score,
    Season,
    Surroundings,
    TokenPair,
    User,
)
from fairboard_client.wire import VERSION, Answer

__version__ = VERSION

__all__ = [
    "Action",
    "ActionType",
    "Answer",
    "AsyncPlayer",
    "AsyncServer",
    "BatchRow",
    "Board",
    "BoardStanding",
    "Completed",
    "Event",
    "FairboardError",
    "GamePlayer",
    "PlacedRow",
    "Player",
    "Profile",
    "PublicPlayer",
    "Retries",
    "Row",
    "Score",
    "Season",
    "Server",
    "Surroundings",
    "TokenPair",
    "User",
    "__version__",
]
