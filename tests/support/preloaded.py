"""What forked processes find imported: all that commands, roles and the processes of benchmarks import."""

import gc

from afterword.workers.models import mem0_environment

mem0_environment.prepare()

import h2.connection  # noqa: E402
import httpcore  # noqa: E402
import httpcore2  # noqa: E402
import mem0  # noqa: E402
import openai.resources.chat  # noqa: E402
import qdrant_client  # noqa: E402
from qdrant_client.common.response_parsing import parse_response  # noqa: E402
from qdrant_client.http import models  # noqa: E402

import afterword.cli.app  # noqa: E402
import afterword.cli.bulk  # noqa: E402
import afterword.workers.runtime.process  # noqa: E402
import afterword.workers.services.extraction.extraction  # noqa: E402
import afterword.workers.services.extraction.mem0_memory  # noqa: E402
import afterword.workers.stores.vectors.server  # noqa: E402
import ops.bench.bare_worker  # noqa: E402
import ops.bench.echo  # noqa: E402
import ops.bench.embeddings  # noqa: E402
import ops.bench.llm  # noqa: E402
import ops.bench.plain  # noqa: E402
import tests.support.qdrant_face  # noqa: E402

__all__ = ["afterword", "h2", "httpcore", "httpcore2", "mem0", "openai", "ops", "qdrant_client", "tests"]

# How an answer is read is worked out once a process: 25 ms for a collection and its points.
for answer in (models.InlineResponse2002, models.InlineResponse2007):
    parse_response(b"{}", answer)
# Else the first collection of each child would write to every page that it shares with the others.
gc.freeze()
