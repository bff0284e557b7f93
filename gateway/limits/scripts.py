"""The arithmetic of window.py and memory.py in Lua, as Redis runs it: one script, one decision.

A subject has two keys: its pieces (cmsgpack), and its leases (a sorted set, by when they end if
nobody renews them). The time is Redis's own, so processes need not agree on theirs; the first
argument replaces it in tests. A window whose newest piece is in the far future was written before
the clock was set back, and is dropped. Needs no command newer than Redis 5.
"""

from dataclasses import dataclass, field
from hashlib import sha1

from gateway.limits.rule import CONCURRENCY, REQUESTS, TOKENS, UNKNOWN_WAIT_MS
from gateway.limits.window import PIECES


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name under which Redis keeps it."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.text.encode(), usedforsecurity=False).hexdigest())


_COMMON = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function read(key, span)
  local packed = redis.call('GET', key)
  local pieces = packed and cmsgpack.unpack(packed) or {}
  if #pieces > 0 and pieces[#pieces][2] > now + span then pieces = {} end
  local kept = {}
  for _, piece in ipairs(pieces) do
    if piece[2] + span > now then kept[#kept + 1] = piece end
  end
  return kept
end

local function write(key, span, pieces)
  if #pieces == 0 then
    redis.call('DEL', key)
  else
    local left = pieces[#pieces][2] + span - now
    redis.call('SET', key, cmsgpack.pack(pieces), 'PX', math.max(1, left))
  end
end

local function add(pieces, span, requests, tokens)
  local newest = pieces[#pieces]
  if newest and now - newest[1] < math.floor(span / PIECES) then
    newest[2] = math.max(newest[2], now)
    newest[3] = newest[3] + requests
    newest[4] = newest[4] + tokens
  else
    pieces[#pieces + 1] = {now, now, requests, tokens}
  end
end
""".replace("PIECES", str(PIECES))

#: What a decision says of each rule, in this order.
REFUSALS = ("", REQUESTS, TOKENS, CONCURRENCY)
STANDING_FIELDS = 7

# KEYS: for each rule its pieces and its leases. ARGV: time, lease, its length in ms; then for each
# rule span, requests, tokens, concurrency, tokens of this request. Returns whether it was admitted,
# the time, and STANDING_FIELDS numbers for each rule.
TAKE = Script(
    _COMMON
    + """
local rules, admitted = {}, 1
for i = 1, #KEYS / 2 do
  local at = 3 + (i - 1) * 5
  local rule = {
    window = KEYS[2 * i - 1], leases = KEYS[2 * i],
    span = tonumber(ARGV[at + 1]), requests = tonumber(ARGV[at + 2]),
    tokens = tonumber(ARGV[at + 3]), concurrency = tonumber(ARGV[at + 4]),
    more = tonumber(ARGV[at + 5]), pieces = {}
  }
  if rule.requests > 0 or rule.tokens > 0 then
    rule.pieces = read(rule.window, rule.span)
    if #rule.pieces > 0 then now = math.max(now, rule.pieces[#rule.pieces][2]) end
  end
  rules[i] = rule
end

local function sum(pieces, column)
  local total = 0
  for _, piece in ipairs(pieces) do total = total + piece[column] end
  return total
end

local function wait(rule, column, too_many)
  for _, piece in ipairs(rule.pieces) do
    too_many = too_many - piece[column]
    if too_many <= 0 then return piece[2] + rule.span - now end
  end
  return 0
end

local function reset(rule, column)
  for i = #rule.pieces, 1, -1 do
    if rule.pieces[i][column] > 0 then return rule.pieces[i][2] + rule.span - now end
  end
  return 0
end

for _, rule in ipairs(rules) do
  rule.used_requests = sum(rule.pieces, 3)
  rule.used_tokens = sum(rule.pieces, 4)
  rule.used_leases, rule.refused, rule.wait = 0, 0, 0
  if rule.concurrency > 0 then
    redis.call('ZREMRANGEBYSCORE', rule.leases, '-inf', now)
    rule.used_leases = redis.call('ZCARD', rule.leases)
    if rule.used_leases >= rule.concurrency then rule.refused, rule.wait = 3, UNKNOWN_WAIT_MS end
  end
  local too_many = rule.used_tokens + rule.more - rule.tokens
  if rule.tokens > 0 and too_many > 0 then
    rule.refused, rule.wait = 2, math.max(rule.wait, wait(rule, 4, too_many))
  end
  too_many = rule.used_requests + 1 - rule.requests
  if rule.requests > 0 and too_many > 0 then
    rule.refused, rule.wait = 1, math.max(rule.wait, wait(rule, 3, too_many))
  end
  if rule.refused > 0 then admitted = 0 end
end

local said = {admitted, now}
for _, rule in ipairs(rules) do
  if admitted == 1 then
    if rule.requests > 0 or rule.tokens > 0 then
      add(rule.pieces, rule.span, 1, rule.more)
      write(rule.window, rule.span, rule.pieces)
      rule.used_requests = rule.used_requests + 1
      rule.used_tokens = rule.used_tokens + rule.more
    end
    if rule.concurrency > 0 then
      redis.call('ZADD', rule.leases, now + ARGV[3], ARGV[2])
      redis.call('PEXPIRE', rule.leases, ARGV[3])
      rule.used_leases = rule.used_leases + 1
    end
  end
  for _, number in ipairs({
    rule.used_requests, rule.used_tokens, rule.used_leases, rule.refused, rule.wait,
    reset(rule, 3), reset(rule, 4)
  }) do said[#said + 1] = number end
end
return said
""".replace("UNKNOWN_WAIT_MS", str(UNKNOWN_WAIT_MS))
)

# KEYS as above. ARGV: time, lease, when it was admitted, requests to forgive; then for each rule
# its span and how many more (less, if negative) tokens the request had than were counted.
GIVE_BACK = Script(
    _COMMON
    + """
local at, forgiven = tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 1, #KEYS / 2 do
  local span, more = tonumber(ARGV[3 + 2 * i]), tonumber(ARGV[4 + 2 * i])
  redis.call('ZREM', KEYS[2 * i], ARGV[2])
  if more ~= 0 or forgiven > 0 then
    local pieces = read(KEYS[2 * i - 1], span)
    if more > 0 then add(pieces, span, 0, more) end
    if more < 0 or forgiven > 0 then
      for j = #pieces, 1, -1 do
        local piece = pieces[j]
        if piece[1] <= at and at <= piece[2] then
          piece[3] = math.max(0, piece[3] - forgiven)
          piece[4] = math.max(0, piece[4] - math.max(0, -more))
          break
        end
      end
    end
    write(KEYS[2 * i - 1], span, pieces)
  end
end
"""
)

# KEYS: sets of leases. ARGV: time, length in ms, then the lease in each of them. One that Redis
# lost is there again afterwards.
RENEW = Script(
    _COMMON
    + """
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + ARGV[2], ARGV[i + 2])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
"""
)

# KEYS: the hash of rests. ARGV: time, who, length in ms, which process tells it. The longer counts.
TELL = Script(
    _COMMON
    + """
local known = redis.call('HGET', KEYS[1], ARGV[2])
local ends = now + ARGV[3]
if not known or tonumber(string.match(known, '^%d+')) < ends then
  redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f %s', ends, ARGV[4]))
  redis.call('PEXPIRE', KEYS[1], math.max(ARGV[3], redis.call('PTTL', KEYS[1])))
end
"""
)

# KEYS: the hash of rests. ARGV: time. Returns who, until when, how long still and whose.
HEAR = Script(
    _COMMON
    + """
local said, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local ends, origin = string.match(all[i + 1], '^(%d+) (.*)$')
  if tonumber(ends) > now then
    for _, each in ipairs({all[i], ends, string.format('%.0f', ends - now), origin}) do
      said[#said + 1] = each
    end
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return said
"""
)
