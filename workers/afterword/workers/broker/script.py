"""The script that workers run in Redis: Dramatiq's keys and commands, and what makes them safe from any message.

Beside Dramatiq's `__acks__`, `__heartbeats__`, `<queue>`, `.msgs`, `.XQ` and `.XQ.msgs` there are two hashes by
message: `<queue>.XQ.suspects` (see below), and `<queue>.XQ.why`, why a dead message was set aside. `__looks__` holds
when a worker last looked after each queue: heartbeats are of a process, and do not say which queues it works on.

- A fetch takes at most so many messages and bytes. The first message is taken whatever its size.
- What is larger than any message of the contract is set aside as dead, without being sent to a worker.
- Places without a message, and a second place of a message in our hands, are passed over here: thousands in one call.
- More than one token in the bell is dropped, so that thousands of them wake nobody thousands of times.
- The messages of a worker that died are **suspects**. A suspect is only handed to a worker whose hands are empty, which
  gets nothing else until it is settled. So its neighbours clear themselves, and one that is alone with a worker that
  dies, twice, is what kills: it is set aside as dead.
"""

from __future__ import annotations

MOST_PASSED_OVER = 10_000
"""Places that one call passes over: some 10 ms in which Redis serves nobody else."""

DEATHS_ALONE = 2
"""Workers that a message may be alone with when they die. One may have been killed by somebody else."""

SUSPECTED_MS = 24 * 3600 * 1000
"""How long suspicions outlive the last death; those of messages that are gone go with them."""

DISPATCH = """
local namespace, command, now, queue, worker = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local heartbeat_timeout, dead_ttl, maintain = ARGV[5], ARGV[6], ARGV[7] == "1"
local judged, largest = ARGV[8] == "1", tonumber(ARGV[9])
local most_passed_over, deaths_alone, suspected_ms = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local FIRST = 13

local heartbeats = namespace .. ":__heartbeats__"
local places = namespace .. ":" .. queue
local messages = places .. ".msgs"
-- A delay queue has neither bell nor dead messages of its own.
local main = string.gsub(queue, "%.DQ$", "")
local dead = namespace .. ":" .. main .. ".XQ"
local deaths = dead .. ".suspects"
local aside = {}

local function acks_of(name)
    return namespace .. ":__acks__." .. name .. "." .. queue
end

local acks = acks_of(worker)

local function set_aside(id, why)
    local data = redis.call("hget", messages, id)
    if data then
        redis.call("zadd", dead, now, id)
        redis.call("hset", dead .. ".msgs", id, data)
        if why then
            redis.call("hset", dead .. ".why", id, why)
        end
        redis.call("hdel", messages, id)
    end
    redis.call("hdel", deaths, id)
end

local function set_aside_and_tell(id, why)
    set_aside(id, why)
    aside[#aside + 1] = id
    aside[#aside + 1] = why
end

local function bring_back(ids)
    for _, id in ipairs(ids) do
        if redis.call("hexists", messages, id) == 1 then
            local times = 0
            if judged then
                if #ids == 1 then
                    times = redis.call("hincrby", deaths, id, 1)
                else
                    redis.call("hsetnx", deaths, id, 0)
                end
                redis.call("pexpire", deaths, suspected_ms)
            end
            if times >= deaths_alone then
                set_aside_and_tell(id, times .. " workers died while they had this message alone")
            else
                redis.call("rpush", places, id)
            end
        end
    end
end

local function forget_old_dead()
    for _, id in ipairs(redis.call("zrangebyscore", dead, 0, now - dead_ttl)) do
        redis.call("zrem", dead, id)
        redis.call("hdel", dead .. ".msgs", id)
        redis.call("hdel", dead .. ".why", id)
    end
end

local function look_after_the_queue()
    for _, gone in ipairs(redis.call("zrangebyscore", heartbeats, 0, now - heartbeat_timeout)) do
        bring_back(redis.call("smembers", acks_of(gone)))
        redis.call("del", acks_of(gone))
        if not next(redis.call("keys", namespace .. ":__acks__." .. gone .. "*")) then
            redis.call("zrem", heartbeats, gone)
        end
    end
    if queue == main then
        redis.call("zadd", namespace .. ":__looks__", now, queue)
        forget_old_dead()
    end
end

local function has_suspect()
    for _, id in ipairs(redis.call("smembers", acks)) do
        if redis.call("hexists", deaths, id) == 1 then
            return true
        end
    end
    return false
end

local function quieten_bell()
    -- It may be forbidden, or no list: then workers poll.
    local tokens = redis.pcall("llen", places .. ".bell")
    if type(tokens) == "number" and tokens > 1 then
        redis.pcall("ltrim", places .. ".bell", 0, 0)
    end
end

local function fetch(room, bytes)
    local found, passed_over, empty = {}, 0, nil
    local suspicion = judged and redis.call("exists", deaths) == 1
    if suspicion and has_suspect() then
        return found, true
    end
    while #found < 2 * room and passed_over < most_passed_over do
        local id = redis.call("lpop", places)
        if not id then
            -- An idle worker fetches some times a second: nothing more is asked of Redis than has to be.
            return found, false, 0
        end
        if empty == nil then
            empty = redis.call("scard", acks) == 0
        end
        local size = redis.call("hstrlen", messages, id)
        if size > largest then
            set_aside_and_tell(id, size .. " bytes: a message may have " .. largest .. " at most")
            passed_over = passed_over + 100
        elseif size == 0 then
            set_aside(id, "the message is empty")
            passed_over = passed_over + 1
        elseif redis.call("sismember", acks, id) == 1 then
            passed_over = passed_over + 1
        else
            local suspect = suspicion and redis.call("hexists", deaths, id) == 1
            if not empty and (suspect or size > bytes) then
                redis.call("lpush", places, id)
                return found, true
            end
            redis.call("sadd", acks, id)
            found[#found + 1] = id
            found[#found + 1] = redis.call("hget", messages, id)
            bytes, empty = bytes - size, false
            if suspect then
                break
            end
        end
    end
    return found, false
end

redis.call("zadd", heartbeats, now, worker)
if maintain then
    look_after_the_queue()
end

local found, blocked, left = {}, false, nil
if command == "fetch" then
    if queue == main then
        quieten_bell()
    end
    found, blocked, left = fetch(tonumber(ARGV[FIRST]), tonumber(ARGV[FIRST + 1]))
elseif command == "requeue" then
    for i = FIRST, #ARGV do
        if redis.call("srem", acks, ARGV[i]) == 1 and redis.call("hexists", messages, ARGV[i]) == 1 then
            redis.call("rpush", places, ARGV[i])
        end
    end
elseif command == "ack" then
    if redis.call("srem", acks, ARGV[FIRST]) == 1 then
        redis.call("hdel", messages, ARGV[FIRST])
        redis.call("hdel", deaths, ARGV[FIRST])
    end
elseif command == "nack" then
    if redis.call("srem", acks, ARGV[FIRST]) == 1 then
        set_aside(ARGV[FIRST], ARGV[FIRST + 1])
    end
elseif command == "purge" then
    redis.call("del", places, acks, messages, deaths)
end
return {found, left or redis.call("llen", places), blocked and 1 or 0, aside}
"""
"""Any other command is a heartbeat. Returns the ids and messages found, the places left, whether the next message needs
more room than there is, and the ids set aside, each with why."""
