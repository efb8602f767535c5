"""A stand-in for the W&B server, with faults on demand."""

from tests.wandb_server.faults import Fault
from tests.wandb_server.server import KEY, WandbServer
from tests.wandb_server.state import Artifact, Run, State

__all__ = ["KEY", "Artifact", "Fault", "Run", "State", "WandbServer"]
