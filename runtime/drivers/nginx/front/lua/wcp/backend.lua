-- Sends a request to a program of the tenant: a PHP pool or a proxy target.
local address = require "wcp.address"
local agent = require "wcp.agent"
local config = require "wcp.config"
local files = require "wcp.files"
local pages = require "wcp.pages"

local M = {}

-- Opens a socket of the tenant for this request; `release` closes it when the request is over.
local function take(relative)
  local fd = files.socket(relative)
  if not fd then return nil end
  M.release()
  ngx.var.wcp_fd = fd
  return "unix:" .. files.through(fd)
end

function M.release()
  local fd = ngx.var.wcp_fd
  if fd and fd ~= "" then
    ngx.var.wcp_fd = ""
    files.close(tonumber(fd))
  end
end

-- What FastCGI is told. `script`: its real path; `name`: its path below the document root; `extra`: what follows it in the URI.
function M.describe_script(site, script, name, extra)
  local var = ngx.var
  var.wcp_docroot = site.docroot
  var.wcp_script = script
  var.wcp_script_name = name
  if extra ~= "" then var.wcp_path_info = extra end
  if site.php_value ~= "" then var.wcp_php_value = site.php_value end
end

function M.php(site, script, name, extra)
  local upstream = take(site.socket)
  if not upstream then
    if not agent.wake(site.pool) then return ngx.exit(503) end
    upstream = take(site.socket)
    if not upstream then return ngx.exit(502) end
  end
  ngx.var.wcp_upstream = upstream
  M.describe_script(site, script, name, extra)
  return ngx.exec("@php_" .. site.timeout)
end

-- The client that somebody's session has: the agent started it, and says where it listens.
function M.client(site, socket)
  local upstream = take(socket)
  if not upstream then return ngx.exit(502) end
  local var = ngx.var
  var.wcp_upstream, var.wcp_docroot = upstream, "/client"
  var.wcp_script, var.wcp_script_name = "/client/index.php", "/databases/"
  return ngx.exec("@php_" .. site.timeout)
end

-- After an attempt that reached nobody: a socket whose master is gone, or one that was just stopping. `find` gives where somebody listens by now.
function M.try_again(site, find)
  local var = ngx.var
  if var.wcp_tries ~= "" or var.wcp_script == "" then return end
  local was_connected = var.upstream_connect_time and var.upstream_connect_time ~= "-"
  local is_safe = var.request_method == "GET" or var.request_method == "HEAD"
  if was_connected and (not is_safe or var.upstream_header_time ~= "-") then return end
  var.wcp_tries = "1"
  local socket = find()
  local upstream = socket and take(socket)
  if not upstream then return end
  var.wcp_upstream = upstream
  return ngx.exec("@php_" .. site.timeout)
end

function M.retry_php(site)
  return M.try_again(site, function() return agent.wake(site.pool) and site.socket end)
end

local function may_reach(site, words)
  local port = site.target.port
  for _, rule in ipairs(site.allowed) do
    if port >= rule.from and port <= rule.to and address.contains(rule.network, words) then return true end
  end
  return false
end

-- The address to connect to: checked now, after resolution, and given to nginx as a number, so that no second look-up can differ.
local function reachable(site)
  local host = site.target.host
  local words = address.parse(host)
  if words then return may_reach(site, words) and host or nil end
  for _, each in ipairs(agent.resolve(host) or {}) do
    words = address.parse(each)
    if words and may_reach(site, words) then return each end
  end
  return nil
end

local mark

-- Whether this request was passed on from here before: a target that leads back to us would go round until no connection is left (RFC 8586).
local function has_passed()
  mark = mark or "wcp360-" .. ngx.md5(files.read(config.token_file) or "")
  local passed = ngx.var.http_cdn_loop
  if passed and passed:find(mark, 1, true) then return true end
  ngx.req.set_header("CDN-Loop", passed and passed .. ", " .. mark or mark)
  return false
end

function M.proxy(site)
  if has_passed() then return pages.answer(508) end
  local var = ngx.var
  if site.socket then
    local upstream = take(site.socket)
    if not upstream then return ngx.exit(502) end
    var.wcp_upstream = "http://" .. upstream .. ":"
  else
    local to = reachable(site)
    if not to then return ngx.exit(502) end
    if to:find(":", 1, true) then to = "[" .. to .. "]" end
    var.wcp_upstream = site.target.scheme .. "://" .. to .. ":" .. site.target.port
    var.wcp_upstream_name = site.target.host
  end
  return ngx.exec("@proxy_" .. site.timeout)
end

return M
