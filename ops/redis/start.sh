#!/bin/sh
# Writes the users of Redis from the passwords in the environment, then becomes redis-server. Arguments go to it.
#
# The file holds hashes of the passwords only, and lies in memory (REDIS_USERS_FILE). Needs Redis 7 or newer.
set -eu
umask 077

hash() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

here=$(dirname "$0")
users=${REDIS_USERS_FILE:-/run/redis/users.acl}
worker=$(hash "${REDIS_WORKER_PASSWORD:?}")
producer=$(hash "${REDIS_PRODUCER_PASSWORD:?}")
gateway=$(hash "${REDIS_GATEWAY_PASSWORD:?}")

# worker: everything on Afterword's own keys; of the server it may read the state and the settings. Dramatiq's
# script is called with the bare namespace as its key, and lists keys during maintenance.
#
# producer: each command only on the keys it is needed for, so that it publishes, asks and takes replies, and can
# neither read nor remove what others have published. It reads a reply only if it knows the name of the list,
# which holds 122 random bits; for the same reason it must not list, watch or track keys. HSET would overwrite a
# message of a known id, and ids are random UUIDs that only the publisher and the workers see. What it cannot be
# kept from is to publish as any user of any tenant, to give any command, also an operator's (keys, dead letters), and
# to fill Redis: who has this password is trusted.
# gateway: a producer with a password of its own, which nobody but the gateway has: it can be changed, and the gateway
# be shut out, while agents go on. It also counts what its limits bound, in keys that no other producer sees.
# (CLIENT SETINFO, which clients send when they connect, is refused: they ignore that, and Redis 7.0 lacks it.)
publishing='-@all +ping +time +select +client|setname +multi +exec +discard
(+hset ~afterword:conversations.msgs ~afterword:context.msgs ~afterword:commands.msgs)
(+rpush ~afterword:conversations ~afterword:context ~afterword:commands)
(+lpush +ltrim ~afterword:conversations.bell ~afterword:context.bell ~afterword:commands.bell)
(+blpop +lpop ~afterword:reply:*)'
publishing=$(printf %s "$publishing" | tr '\n' ' ')
counting='+script|load (+eval +evalsha +lindex +lpush +ltrim +expire ~afterword:limits:*)'

cat >"$users" <<USERS
user default reset off
user worker reset on #$worker ~afterword ~afterword:* \
-@all +@read +@write +@connection +@transaction -@scripting -@dangerous \
+eval +evalsha +script|load +script|exists +time +keys +info +config|get
user producer reset on #$producer $publishing
user gateway reset on #$gateway $publishing $counting
USERS

exec redis-server "$here/redis.conf" --aclfile "$users" "$@"
