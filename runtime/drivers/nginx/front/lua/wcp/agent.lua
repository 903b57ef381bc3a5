-- Questions to the host's agent.
local channel = require "wcp.channel"
local config = require "wcp.config"

local M = {}

local addresses = require("resty.lrucache").new(1000)
local fresh_seconds = 30

local function ask_once(line)
  return channel.once(line, channel.ask, config.wake_socket, line)
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

-- What is asked for a person's browser: each question for itself, since a way in is good once. The rest of the answer; nil and a reason when it is no.
function M.panel(line)
  return channel.ask(config.panel_socket, line)
end

return M
