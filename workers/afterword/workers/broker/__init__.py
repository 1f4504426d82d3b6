"""Dramatiq's Redis broker, mended.

- An idle worker wakes by a doorbell instead of sleeping; where the bell fails, it polls.
- A message that fails while Redis is away is dead-lettered instead of lost.
- Workers wait through any Redis error, timeouts included, without restarting their threads.
- A lost reply strands no message: each worker compares what Redis believes it holds with what it does hold.
- A message that cannot be read, or is larger than the contract allows, is set aside alone; so is one that has killed
  the workers that had it.
- What a producer writes into a message is data: no option, time or number in it steers a worker.
- Messages in hand are bounded by bytes. Places without a message, and tokens in the bell, cost nearly nothing.
- Heartbeats go on while a worker is full or its gate is shut, on the Redis server's clock: a dead worker's messages
  come back in seconds, and a busy one is not taken for dead.
- From Redis 7 on, workers drain the queues of a full Redis, so that it does not stay full.
- A gate stops fetching; `Postponed` puts a message back without burning an attempt, `Deferred` keeps one waiting alone.
- Dead messages tell why, and can be read and removed.

Redis may deliver a message more than once: actors must bear that.

`script` runs in Redis, `transport` holds the commands that a worker sends there, `consumer` reads one queue, `broker`
is the class that Dramatiq calls, `admin` is the part that services get, and `middleware` is done around each message.
`windows` counts requests against limits.
"""

from afterword.workers.broker.admin import DeadMessage, QueueAdmin
from afterword.workers.broker.broker import MendedBroker
from afterword.workers.broker.clock import ServerClock
from afterword.workers.broker.factory import build_broker
from afterword.workers.broker.middleware import QueueInstruments, Retries
from afterword.workers.broker.received import Deferred, Postponed, ReceivedMessage
from afterword.workers.broker.traces import RedisTraces
from afterword.workers.broker.transport import Pace
from afterword.workers.broker.windows import Full, Window, WindowCounter

__all__ = [
    "DeadMessage",
    "Deferred",
    "Full",
    "MendedBroker",
    "Pace",
    "Postponed",
    "QueueAdmin",
    "QueueInstruments",
    "ReceivedMessage",
    "RedisTraces",
    "Retries",
    "ServerClock",
    "Window",
    "WindowCounter",
    "build_broker",
]
