-- The site table: one JSON record per hostname in sites/, named by the hostname (`_.x` for `*.x`). A small cache keeps what was decoded; each look-up
-- asks the file system whether the file is still the same one (about a microsecond), so a record counts from the moment it is renamed into place.
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"
local address = require "wcp.address"
local config = require "wcp.config"
local files = require "wcp.files"
local paths = require "wcp.paths"

cjson.decode_max_depth(16)

local find, sub, byte = string.find, string.sub, string.byte

local M = {}

local underscore = byte("_")
local cache = lrucache.new(4000)

-- Response headers that a record may not set: they frame the message or belong to the front.
local framing = {
  ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["keep-alive"] = true, ["upgrade"] = true, ["trailer"] = true,
  ["te"] = true, ["date"] = true, ["server"] = true, ["content-encoding"] = true, ["content-range"] = true, ["location"] = true, ["set-cookie"] = true,
}

-- One line, of a length that every client takes in a header.
local function is_text(value) return type(value) == "string" and #value <= 4096 and not value:find("[%c]") end

-- A path that starts with `prefix` (which ends with a slash) and has no empty, `.` or `..` part after it.
local function is_path_below(value, prefix)
  if not is_text(value) or value:sub(1, #prefix) ~= prefix then return false end
  local rest = "/" .. value:sub(#prefix + 1) .. "/"
  return not rest:find("/%.%.?/") and not rest:find("//", 1, true)
end

local function headers_of(record)
  local list, hsts = {}, nil
  for name, value in pairs(record.headers or {}) do
    if type(name) == "string" and #name <= 100 and name:match("^[%w!#$%%&'*+%-.^_`|~]+$") and is_text(value) and not framing[name:lower()] then
      if name:lower() == "strict-transport-security" then hsts = value else list[#list + 1] = { name, value } end
    end
  end
  return list, hsts
end

local function networks_of(list)
  local networks = {}
  for _, text in ipairs(list or {}) do
    local network = type(text) == "string" and address.network(text)
    if not network then return nil end
    networks[#networks + 1] = network
  end
  return networks
end

local function document_root(serve, tenant)
  if not is_path_below(serve.base, config.tenants .. tenant .. "/") or type(serve.root) ~= "string" then return nil end
  if serve.root == "" then return serve.base end
  local path = serve.base .. "/" .. serve.root
  return is_path_below(path, serve.base .. "/") and path or nil
end

local function patterns_of(list)
  local patterns = {}
  for _, text in ipairs(list or {}) do
    if text ~= "" then patterns[#patterns + 1] = paths.pattern(text) end
  end
  return patterns
end

local function php_value(values)
  local lines = {}
  for name, value in pairs(values or {}) do
    if type(name) == "string" and name:match("^[%w_.]+$") and is_text(value) then lines[#lines + 1] = name .. "=" .. value end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function is_pools_own(socket) return find(socket, "^[^/]+/[^/]+$", #config.pools + 1) ~= nil end

-- In bytes: sun_path without its last zero.
local longest_address = 107

-- Each takes what its type needs out of the record; a reason when something is not as it must be.
local prepare = {}

function prepare.static(site, serve, record)
  site.base, site.docroot = serve.base, document_root(serve, record.tenant)
  site.deny = patterns_of()
  site.spa = serve.fallback == "Spa"
  if not site.docroot then return "document root" end
end

function prepare.php(site, serve, record)
  site.base, site.docroot = serve.base, document_root(serve, record.tenant)
  site.front_controller = serve.frontController
  site.deny = patterns_of(serve.denySuffixes)
  site.pool = serve.pool
  site.php_value = php_value(serve.phpValues)
  if not site.docroot then return "document root" end
  if not is_path_below(serve.socket, config.pools) or not is_text(serve.pool) then return "socket" end
  site.socket = serve.socket
  -- A pool's own directory is root's: what it holds can be trusted by its name, if that fits into an address. What lies deeper is the tenant's.
  if not is_pools_own(serve.socket) then return "socket" end
  if #serve.socket <= longest_address then site.upstream = "unix:" .. serve.socket end
  site.program = site.timeout ~= 60 and "/.well-known/wcp360/php_" .. site.timeout or ""
  if site.front_controller and not is_path_below("/" .. site.front_controller, "/") then return "front controller" end
end

function prepare.proxy(site, serve, record)
  local target = serve.target
  if type(target) ~= "table" then return "target" end
  site.target = target
  if target.type == "socket" then
    if not is_path_below(target.path, config.tenants .. record.tenant .. "/") then return "target" end
    site.socket = target.path
    return
  end
  if type(target.host) ~= "string" or type(target.port) ~= "number" or not target.host:match("^[%w.:%-_]+$") then return "target" end
  if target.scheme ~= "http" and target.scheme ~= "https" then return "target" end
  site.allowed = {}
  for i, rule in ipairs(target.allowed or {}) do
    local network = address.network(rule.cidr)
    if not network then return "allowed networks" end
    site.allowed[i] = { network = network, from = rule.fromPort, to = rule.toPort }
  end
end

function prepare.redirect(site, serve)
  if not is_text(serve.to) or serve.to == "" then return "redirect" end
  site.to, site.code, site.keep_path = serve.to, serve.code, serve.keepPath
end

function prepare.panel(site, serve)
  if type(serve.databaseClient) ~= "boolean" then return "panel" end
  site.has_client = serve.databaseClient
end

function prepare.suspended(site, serve) site.message = serve.message end
prepare.unavailable = prepare.suspended

-- What tells one certificate of a site from the next; nil for a site of plain HTTP.
local function certificate_of(record)
  local secret = type(record.tls) == "table" and record.tls.secret
  if not secret then return nil end
  return table.concat({ record.uid, secret.namespace, secret.name, secret.resourceVersion }, "/")
end

local function decode(text)
  local record = cjson.decode(text)
  if type(record) ~= "table" or type(record.serve) ~= "table" or type(record.tenant) ~= "string" then return nil, "not a record" end
  local serve = record.serve
  if not prepare[serve.type] or not record.tenant:match("^[a-z0-9][a-z0-9-]*$") then return nil, "not a record" end
  local site = {
    type = serve.type, owner = record.owner, uid = record.uid, generation = record.generation, tenant = record.tenant,
    upload = tonumber(record.uploadBytes) or 0,
    timeout = config.class(config.timeouts, tonumber(record.timeoutSeconds) or 60),
    cache_control = "no-cache",
    compress = record.compress ~= false,
    error_pages = record.errorPages or {},
  }
  local seconds = tonumber(record.cacheSeconds) or 0
  if seconds > 0 then site.cache_control = string.format("public, max-age=%d", seconds) end
  site.body_class = config.class(config.bodies, site.upload)
  site.headers, site.hsts = headers_of(record)
  for _, header in ipairs(site.headers) do
    if header[1]:lower() == "cache-control" then site.cache_control = "" end
  end
  site.has_headers = #site.headers > 0 or site.hsts ~= nil
  -- Relative: nginx takes a log path that begins with a variable for one below its own prefix.
  if is_path_below(record.accessLog, config.tenants) then site.access_log = record.accessLog:sub(#config.root + 2)
  else site.access_log = "front/logs/other.access.log" end
  site.certificate = certificate_of(record)
  site.is_moved = site.certificate ~= nil and record.tls.redirect == true and config.https_port ~= nil
  local access = record.access
  if access then
    site.allow, site.refuse = networks_of(access.allow), networks_of(access.deny)
    if not site.allow or not site.refuse then return nil, "access rules" end
    local auth = access.basicAuth
    if auth then
      if not is_path_below(auth.usersFile, config.auth) or not is_text(auth.realm) then return nil, "users file" end
      site.realm, site.users_file = auth.realm:gsub('[\\"]', ""), auth.usersFile
    end
  end
  local fault = prepare[serve.type](site, serve, record)
  if fault then return nil, fault end
  return site
end

-- Nothing but letters, digits, dots and dashes ever becomes a file name.
local function is_name(host)
  return #host <= 253 and find(host, "^[a-z0-9][a-z0-9.%-]*$") ~= nil
end

-- The record in a file, or nil when there is none. One that cannot be read counts as unavailable: never another site, never a default.
local function load(name, entry)
  local path = entry and entry.path or config.sites .. name
  local inode, seconds, nanoseconds, size = files.version(path)
  if not inode then
    if entry then cache:delete(name) end
    return nil
  end
  if entry and entry.inode == inode and entry.nanoseconds == nanoseconds and entry.seconds == seconds and entry.size == size then
    return entry.site
  end
  local site, fault = nil, "not readable"
  local text = files.read(path)
  if text then site, fault = decode(text) end
  if not site then
    ngx.log(ngx.ERR, "site record ", name, ": ", fault)
    site = { type = "unavailable", headers = {}, error_pages = {}, upload = 0, timeout = config.timeouts[1], access_log = "front/logs/other.access.log" }
  end
  site.name = name
  cache:set(name, { path = path, inode = inode, seconds = seconds, nanoseconds = nanoseconds, size = size, site = site })
  return site
end

-- The site of a hostname: its own record, else that of the wildcard one label up (as certificates match).
function M.lookup(host)
  -- Names of wildcards' records begin with this sign, those of hosts never do.
  if not host or byte(host) == underscore then return nil end
  local entry = cache:get(host)
  -- What is cached has passed, and is not asked again: LuaJIT compiles no search for a pattern.
  if not entry and not is_name(host) then return nil end
  local site = load(host, entry)
  if site then return site end
  local dot = find(host, ".", 1, true)
  if not dot then return nil end
  local wildcard = "_" .. sub(host, dot)
  return load(wildcard, cache:get(wildcard))
end

-- The site that a request is for. A browser sends all names that a certificate covers over one connection: names of other owners, and those without a
-- certificate, are not to be had there.
function M.of_request(var)
  local host = var.host
  local site = M.lookup(host)
  if not site or var.https == "" then return site end
  local named = site.certificate and var.ssl_server_name
  if not named then return nil end
  local shown = named == host and site or M.lookup(named:lower())
  return shown and shown.owner == site.owner and site or nil
end

-- Whether a request came in plain that is to come by HTTPS.
function M.moves(site, var)
  return site.is_moved and var.wcp_scheme == "http"
end

return M
