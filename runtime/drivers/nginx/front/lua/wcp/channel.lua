-- Questions to programs of the host over their sockets: one line each way. What several want at the same time is asked once.
local semaphore = require "ngx.semaphore"

local M = {}

local waiting = {}
local patience_seconds = 25

-- The answer after its "ok"; nil and a reason when there is none.
function M.ask(address, line)
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, 20000)
  if not socket:connect(address) then return nil, "nobody there" end
  if not socket:send(line .. "\n") then return nil, "nobody there" end
  local answer = socket:receive("*l")
  if not answer then return nil, "no answer" end
  socket:setkeepalive(10000, 16)
  if answer:sub(1, 2) == "ok" then return answer:sub(4) end
  return nil, answer
end

local function work_on(_, name, turn, work, ...)
  local fine, answer, fault = pcall(work, ...)
  if fine then turn.answer, turn.fault = answer, fault
  else ngx.log(ngx.ERR, answer) end
  if waiting[name] == turn then waiting[name] = nil end
  if turn.count > 0 then turn.gate:post(turn.count) end
end

-- Has the work done, unless it is under way already; nil when that is not possible now.
local function begin(name, work, ...)
  local turn = waiting[name]
  if turn then return turn end
  turn = { gate = semaphore.new(), count = 0, fault = "no answer" }
  if not ngx.timer.at(0, work_on, name, turn, work, ...) then return nil end
  waiting[name] = turn
  return turn
end
M.begin = begin

-- What `work(...)` returns (an answer, or nil and a reason). Whoever comes with the same name meanwhile waits for the same answer. The work belongs to none
-- of them: a visitor who leaves, in the midst of a handshake for one, takes no one else's answer along.
function M.once(name, work, ...)
  local turn = begin(name, work, ...)
  if not turn then return work(...) end
  turn.count = turn.count + 1
  if not turn.gate:wait(patience_seconds) and waiting[name] == turn then waiting[name] = nil end
  return turn.answer, turn.fault
end

return M
