-- Questions to the host's agent over its socket: one line each way. Requests of one worker that ask the same wait for one answer.
local semaphore = require "ngx.semaphore"
local config = require "wcp.config"

local M = {}

local waiting = {}
local addresses = require("resty.lrucache").new(1000)
local fresh_seconds = 30

local function ask(line)
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, 20000)
  if not socket:connect(config.wake_socket) then return nil, "no agent" end
  if not socket:send(line .. "\n") then return nil, "no agent" end
  local answer = socket:receive("*l")
  if not answer then return nil, "no answer" end
  socket:setkeepalive(10000, 16)
  if answer:sub(1, 2) == "ok" then return answer:sub(4) end
  return nil, answer
end

local function ask_once(line)
  local turn = waiting[line]
  if turn then
    turn.others = turn.others + 1
    turn.gate:wait(25)
    return turn.answer, turn.fault
  end
  turn = { gate = semaphore.new(), others = 0, fault = "no answer" }
  waiting[line] = turn
  local fine, answer, fault = pcall(ask, line)
  waiting[line] = nil
  if fine then turn.answer, turn.fault = answer, fault end
  if turn.others > 0 then turn.gate:post(turn.others) end
  return turn.answer, turn.fault
end

-- Starts a PHP pool; true once its socket accepts.
function M.wake(pool)
  local answer, fault = ask_once("wake " .. pool)
  return answer ~= nil, fault
end

-- Addresses of a name. An old answer serves on while the agent is away.
function M.resolve(name)
  local known, stale = addresses:get(name)
  if known then return known end
  local answer = ask_once("resolve " .. name)
  if not answer then return stale end
  local list = {}
  for each in answer:gmatch("%S+") do list[#list + 1] = each end
  addresses:set(name, list, fresh_seconds)
  return list
end

return M
