-- IP addresses and networks as four 32-bit words; IPv4 as ::ffff:a.b.c.d, so that both spellings of an address are the same.
local bit = require "bit"

local M = {}

local function parse_v4(text)
  local a, b, c, d = text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a then return nil end
  for _, part in ipairs({ a, b, c, d }) do
    -- A leading zero means octal to some programs and not to others.
    if #part > 1 and part:byte() == 48 or tonumber(part) > 255 then return nil end
  end
  return bit.bor(bit.lshift(tonumber(a), 24), bit.lshift(tonumber(b), 16), bit.lshift(tonumber(c), 8), tonumber(d))
end

local function groups_of(text)
  local groups = {}
  if text == "" then return groups end
  for part in (text .. ":"):gmatch("([^:]*):") do
    if part:find(".", 1, true) then
      local word = parse_v4(part)
      if not word then return nil end
      groups[#groups + 1] = bit.rshift(word, 16)
      groups[#groups + 1] = bit.band(word, 0xffff)
    elseif part:match("^%x%x?%x?%x?$") then
      groups[#groups + 1] = tonumber(part, 16)
    else
      return nil
    end
  end
  return groups
end

local function parse_v6(text)
  if not text:match("^[%x:.]+$") then return nil end
  local head, tail = text:match("^(.-)::(.*)$")
  local groups
  if head then
    local first, last = groups_of(head), groups_of(tail)
    if not first or not last or #first + #last > 7 then return nil end
    groups = first
    for _ = 1, 8 - #first - #last do groups[#groups + 1] = 0 end
    for _, group in ipairs(last) do groups[#groups + 1] = group end
  else
    groups = groups_of(text)
  end
  if not groups or #groups ~= 8 then return nil end
  local words = {}
  for i = 1, 4 do words[i] = bit.bor(bit.lshift(groups[2 * i - 1], 16), groups[2 * i]) end
  return words
end

-- ::ffff:0:0/96 stands for IPv4.
local function is_v4(words) return words[1] == 0 and words[2] == 0 and words[3] == 0xffff end

-- Four words, or nil for what is no address in its usual spelling.
function M.parse(text)
  local v4 = parse_v4(text)
  if v4 then return { 0, 0, 0xffff, v4 } end
  return parse_v6(text)
end

-- "192.0.2.0/24" or a single address → { words, bits, is_v4 }; nil when malformed.
function M.network(text)
  local address, bits = text:match("^([^/]+)/(%d+)$")
  address = address or text
  local words = M.parse(address)
  if not words then return nil end
  local is_dotted = address:find(":", 1, true) == nil
  local width = is_dotted and 32 or 128
  bits = bits and tonumber(bits) or width
  if bits > width then return nil end
  if is_dotted then bits = bits + 96 end
  return { words = words, bits = bits, is_v4 = bits >= 96 and is_v4(words) }
end

-- Whoever allows all of IPv6 has not spoken of IPv4.
function M.contains(network, words)
  if is_v4(words) ~= network.is_v4 then return false end
  local left = network.bits
  for i = 1, 4 do
    if left <= 0 then return true end
    local mask = left >= 32 and -1 or bit.bnot(bit.rshift(-1, left))
    if bit.band(words[i], mask) ~= bit.band(network.words[i], mask) then return false end
    left = left - 32
  end
  return true
end

return M
