#!/bin/sh
# Publishing and asking with nothing but redis-cli. Needs AFTERWORD_REDIS_URL, as `afterword up` prints it.

id=$(cat /proc/sys/kernel/random/uuid)

redis-cli -u "$AFTERWORD_REDIS_URL" <<END
MULTI
HSET afterword:conversations.msgs $id '{"queue_name": "conversations", "actor_name": "ingest_conversation", "message_id": "$id", "message_timestamp": 0, "kwargs": {}, "options": {"redis_message_id": "$id"}, "args": [{"user_id": "ana", "messages": [{"role": "user", "content": "I am allergic to peanuts."}]}]}'
RPUSH afterword:conversations $id
LPUSH afterword:conversations.bell 1
LTRIM afterword:conversations.bell 0 0
EXEC
END

sleep 2

redis-cli -u "$AFTERWORD_REDIS_URL" <<END
MULTI
HSET afterword:context.msgs ask-$id '{"queue_name": "context", "actor_name": "answer_context", "message_id": "ask-$id", "message_timestamp": 0, "kwargs": {}, "options": {"redis_message_id": "ask-$id"}, "args": [{"user_id": "ana", "query": "any allergies? peanuts?", "reply_to": "afterword:reply:$id"}]}'
RPUSH afterword:context ask-$id
LPUSH afterword:context.bell 1
LTRIM afterword:context.bell 0 0
EXEC
BLPOP afterword:reply:$id 5
END
