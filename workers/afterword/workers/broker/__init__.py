"""Dramatiq's Redis broker, mended.

- An idle worker wakes by a doorbell instead of sleeping; where the bell fails, it polls.
- A message that fails while Redis is away is dead-lettered instead of lost.
- Any Redis error, timeouts included, is sat out without restarting threads.
- What Redis believes to be in a worker's hands is reconciled with what is: a lost reply strands no message.
- A message that cannot be read is set aside alone.
- Heartbeats go on while a worker is full or its gate is shut, on the Redis server's clock: a dead worker's messages
  come back in seconds, and a busy one is not taken for dead.
- A full Redis can still be worked off (from Redis 7 on), so that it does not stay full.
- A gate stops fetching; `Postponed` puts a message back without burning an attempt.
- Dead messages tell why, and can be read and removed.

Redis may deliver a message more than once: what actors do must bear it.
"""

from afterword.workers.broker.delivery import Delivery, Postponed
from afterword.workers.broker.instruments import QueueInstruments
from afterword.workers.broker.mended import DeadMessage, MendedBroker, build_broker
from afterword.workers.broker.retries import Retries

__all__ = ["DeadMessage", "Delivery", "MendedBroker", "Postponed", "QueueInstruments", "Retries", "build_broker"]
