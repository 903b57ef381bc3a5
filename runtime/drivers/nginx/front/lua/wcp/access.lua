-- Who may see a site: networks first, then user names and passwords.
local bit = require "bit"
local lrucache = require "resty.lrucache"
local address = require "wcp.address"
local files = require "wcp.files"
local pages = require "wcp.pages"

local M = {}

-- Proven credentials, by a digest that only this worker can make; a change of the users file makes them worthless.
local proven = lrucache.new(1000)
local proven_seconds = 300
local worker_salt
-- How many wrong passwords a site's callers may try per minute and worker: each costs a hash.
local failures = lrucache.new(1000)
local failures_per_minute = 60
local users_files = lrucache.new(200)

local function client_words()
  local raw = ngx.var.binary_remote_addr
  local function word(at)
    local a, b, c, d = raw:byte(at, at + 3)
    return bit.bor(bit.lshift(a, 24), bit.lshift(b, 16), bit.lshift(c, 8), d)
  end
  if #raw == 4 then return { 0, 0, 0xffff, word(1) } end
  return { word(1), word(5), word(9), word(13) }
end

local function is_in(networks, words)
  for i = 1, #networks do
    if address.contains(networks[i], words) then return true end
  end
  return false
end

local function users_of(path)
  local inode, seconds, nanoseconds = files.version(path)
  if not inode then return nil end
  local version = inode .. ":" .. seconds .. ":" .. nanoseconds
  local known = users_files:get(path)
  if known and known.version == version then return known end
  local users = { version = version, hashes = {} }
  for line in ((files.read(path) or "") .. "\n"):gmatch("([^\r\n]*)\r?\n") do
    local name, hash = line:match("^([^:#][^:]*):([^:]+)")
    if name then users.hashes[name] = hash end
  end
  users_files:set(path, users)
  return users
end

local function same(a, b)
  if #a ~= #b then return false end
  local difference = 0
  for i = 1, #a do difference = bit.bor(difference, bit.bxor(a:byte(i), b:byte(i))) end
  return difference == 0
end

local function is_right(phrase, hash)
  local sha = hash:match("^{SHA}(.+)$")
  if sha then return same(ngx.encode_base64(ngx.sha1_bin(phrase)), sha) end
  -- bcrypt and SHA-crypt; everything else (DES, plain text, MD5) is refused.
  if not hash:match("^%$2[aby]%$") and not hash:match("^%$[56]%$") then return false end
  local fine, answer = ngx.run_worker_thread("passwords", "wcp.password", "matches", phrase, hash)
  return fine and answer == true
end

local function is_known(site, users)
  local encoded = (ngx.var.http_authorization or ""):match("^[Bb][Aa][Ss][Ii][Cc] +([%w+/=]+)$")
  local plain = encoded and ngx.decode_base64(encoded)
  if not plain then return false end
  local name, phrase = plain:match("^([^:]*):(.*)$")
  local hash = name and users.hashes[name]
  if not hash or phrase:find("%z") then return false end
  worker_salt = worker_salt or ngx.md5(tostring(ngx.worker.pid()) .. tostring(ngx.now()) .. tostring({}) .. (files.read("/proc/sys/kernel/random/uuid") or ""))
  local digest = ngx.sha1_bin(worker_salt .. users.version .. "\0" .. hash .. "\0" .. plain)
  if proven:get(digest) then return true end
  local count = failures:get(site.users_file) or 0
  if count >= failures_per_minute then return false, true end
  if is_right(phrase, hash) then
    proven:set(digest, true, proven_seconds)
    return true
  end
  failures:set(site.users_file, count + 1, 60)
  return false
end

-- True when the request may go on; otherwise it has been answered.
function M.admits(site)
  if not site.allow then return true end
  local words = client_words()
  if is_in(site.refuse, words) or #site.allow > 0 and not is_in(site.allow, words) then
    ngx.exit(403)
    return false
  end
  if not site.users_file then return true end
  local users = users_of(site.users_file)
  local known, too_many = false, false
  if users then known, too_many = is_known(site, users) end
  if known then return true end
  if too_many then
    ngx.header["Retry-After"] = "60"
    pages.answer(429)
    return false
  end
  ngx.header["WWW-Authenticate"] = 'Basic realm="' .. site.realm .. '", charset="UTF-8"'
  pages.answer(401)
  return false
end

return M
