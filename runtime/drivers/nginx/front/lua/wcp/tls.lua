-- What a handshake is answered with: the certificate of the site that is asked for, or nothing at all.
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"
local ssl = require "ngx.ssl"
local channel = require "wcp.channel"
local config = require "wcp.config"
local pairs_of = require "wcp.pair"
local sites = require "wcp.site"
local staple = require "wcp.staple"

local M = {}

-- Certificates with their keys as OpenSSL has them, by the name of the record: about 5 KiB each. All others are a question away, which costs more than a
-- handshake.
local kept = lrucache.new(8000)

-- What the key channel has answered to any worker, each answer after the version that it is of.
local answers = ngx.shared.pairs

local function answer_for(site)
  local answer, fault = channel.ask(config.key_socket, site.name)
  if answer then answers:set(site.name, site.certificate .. "\n" .. answer) end
  return answer, fault
end

-- The answer that another worker was given; nil when there is none of this version.
local function answer_of_others(site)
  local text = answers:get(site.name)
  local head = site.certificate .. "\n"
  return text and text:sub(1, #head) == head and text:sub(#head + 1) or nil
end

local function keep(site, answer)
  local pair = cjson.decode(answer)
  if type(pair) ~= "table" then return nil, "not a pair" end
  local chain, chain_fault = pairs_of.chain(pair.certificate)
  if not chain then return nil, chain_fault end
  local key, key_fault = pairs_of.key(pair.key)
  if not key then return nil, key_fault end
  local found = { version = site.certificate, owner = site.owner, chain = chain, key = key }
  if pair.staple then found.staple = staple.of(pair.staple, pair.certificate) end
  kept:set(site.name, found)
  return found
end

local function fetch(site)
  local answer, fault = answer_for(site)
  if not answer then return nil, fault end
  return keep(site, answer)
end

-- A handshake of QUIC cannot wait: nginx ends it when it does. Its client comes by TCP then, and finds the certificate when it comes by QUIC again.
local function fetched(site, waits)
  local name = "key " .. site.name .. " " .. site.certificate
  if waits then return channel.once(name, fetch, site) end
  channel.begin(name, fetch, site)
  return nil
end

local function pair_of(site, waits)
  local known = kept:get(site.name)
  if known and known.version == site.certificate then return known end
  local answer, found, fault = answer_of_others(site), nil, nil
  if answer then found, fault = keep(site, answer)
  else found, fault = fetched(site, waits) end
  if found then return found end
  if fault then ngx.log(ngx.ERR, "key of ", site.name, ": ", fault) end
  -- While nobody answers for keys, the one before serves on.
  return known and known.owner == site.owner and known or nil
end

-- Nothing is shown to whoever names no site of ours that has a certificate.
function M.choose()
  ssl.clear_certs()
  local name = ssl.server_name()
  local site = name and sites.lookup(name:lower())
  local pair = site and site.certificate and pair_of(site, not (config.speaks_quic and ngx.ctx.is_quic))
  if not pair or not ssl.set_cert(pair.chain) or not ssl.set_priv_key(pair.key) then return ngx.exit(ngx.ERROR) end
  if pair.staple then staple.show(pair.staple) end
end

return M
