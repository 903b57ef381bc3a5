-- One request: whose is it, may it, what answers it. Entered from the constant nginx.conf, phase by phase.
local cjson = require "cjson.safe"
local access = require "wcp.access"
local backend = require "wcp.backend"
local config = require "wcp.config"
local files = require "wcp.files"
local handshake = require "wcp.handshake"
local pages = require "wcp.pages"
local panel = require "wcp.panel"
local paths = require "wcp.paths"
local quick = require "wcp.quick"
local sites = require "wcp.site"
local tls = require "wcp.tls"

local set_headers, set_file_headers = pages.set_headers, pages.set_file_headers

local M = {}

M.quick = quick.answer
M.release = backend.release
M.hello = handshake.answer
M.certificate = tls.choose

-- Leaves a path to nginx' own file handler, which checks every link on the way (disable_symlinks) and sends a directory to its slash.
local function serve_file(site)
  ngx.var.wcp_base = site.base
  ngx.var.wcp_docroot = site.docroot
  set_file_headers(site)
  return ngx.exec("@file")
end

-- Types of sites whose answers come from a program, and get the site's headers then.
local has_backend = { php = true, proxy = true, panel = true }

local serve = {}

function serve.static(site, uri)
  if paths.hides(uri) or paths.is_program(uri) then return ngx.exit(404) end
  if paths.is_directory(uri) then
    local index = uri .. "index.html"
    if files.kind(site.docroot .. index) == "file" then
      ngx.req.set_uri(index)
    elseif site.spa then
      ngx.req.set_uri("/index.html")
    else
      return ngx.exit(404)
    end
  elseif site.spa and files.kind(site.docroot .. uri) ~= "file" then
    ngx.req.set_uri("/index.html")
  end
  return serve_file(site)
end

-- A script must exist and, without links, lie below the domain's own directory. What PHP itself can open is bounded by its sandbox.
local function run_script(site, name, extra)
  local script = site.docroot .. name
  if not files.is_plain(script) then
    script = files.real(script)
    if not script or script:sub(1, #site.base + 1) ~= site.base .. "/" or files.kind(script) ~= "file" then return ngx.exit(404) end
  end
  return backend.php(site, script, name, extra)
end

function serve.php(site, uri)
  local what, name, extra = paths.in_php_site(site, uri)
  if what == "script" then return run_script(site, name, extra) end
  if what ~= "file" then return ngx.exit(what) end
  if name ~= uri then ngx.req.set_uri(name) end
  return serve_file(site)
end

function serve.proxy(site)
  return backend.proxy(site)
end

serve.panel = panel.serve

-- What was asked for, as it was written.
local function asked()
  local uri = ngx.var.request_uri
  return uri:byte(1) == 47 and uri or "/"
end

local function move(to, code)
  ngx.header["Location"] = to
  ngx.header["Content-Type"] = "text/plain"
  ngx.status = code
  ngx.say("moved")
  return ngx.exit(ngx.OK)
end

function serve.redirect(site)
  local to = site.to
  if to:sub(1, 2) == "//" then
    to = ngx.var.wcp_scheme .. ":" .. to .. (ngx.var.wcp_host:match(":%d+$") or "")
  end
  if site.keep_path then to = to:gsub("/+$", "") .. asked() end
  return move(to, site.code)
end

-- To the port on which we listen, or, where a trusted proxy passes visitors on, to the usual one.
local function move_to_https(var)
  local port = (var.wcp_trusted == "1" or config.https_port == 443) and "" or ":" .. config.https_port
  local is_safe = var.request_method == "GET" or var.request_method == "HEAD"
  return move("https://" .. var.host .. port .. asked(), is_safe and 301 or 308)
end

function serve.suspended(site)
  ngx.header["Retry-After"] = "3600"
  return pages.answer(503, site.message)
end
serve.unavailable = serve.suspended

-- 413 before a byte of the body is read, or a detour over a location that reads it under a class limit when nobody says how long it is.
local function body_is_fine(site)
  local length = ngx.var.http_content_length
  if length then
    if (tonumber(length) or math.huge) <= site.upload then return true end
    ngx.exit(413)
    return false
  end
  if not ngx.var.http_transfer_encoding and quick.says_length(ngx.var) or site.type ~= "php" and site.type ~= "proxy" then return true end
  ngx.exec("@body_" .. site.body_class)
  return false
end

local function find_site()
  local var = ngx.var
  local site = quick.site() or sites.of_request(var)
  if not site then
    pages.answer(421)
    return nil
  end
  if site.access_log then var.wcp_access_log = site.access_log end
  if sites.moves(site, var) then
    move_to_https(var)
    return nil
  end
  if not has_backend[site.type] then set_headers(site)
  elseif site.has_headers then var.wcp_headers = "1" end
  return site
end

function M.route()
  local site = find_site()
  if not site or not access.admits(site) or not body_is_fine(site) then return end
  return serve[site.type](site, ngx.var.uri)
end

function M.body()
  local site = find_site()
  if not site then return end
  ngx.req.read_body()
  local file = ngx.req.get_body_file()
  local size = #(ngx.req.get_body_data() or "")
  if file then
    local _, _, _, bytes = files.version(file)
    size = bytes or math.huge
  end
  if size > site.upload then return ngx.exit(413) end
  return serve[site.type](site, ngx.var.uri)
end

local function is_root_of_empty_site(site)
  return site.docroot and ngx.var.request_method ~= "POST" and (ngx.var.request_uri == "/" or ngx.var.request_uri:sub(1, 2) == "/?") and files.is_empty(site.docroot)
end

local retry = { php = backend.retry_php, panel = panel.retry }

-- After an attempt at a backend that gave no answer at all.
function M.unreached()
  local site = sites.lookup(ngx.var.host)
  local again = site and retry[site.type]
  if again then again(site) end
  return ngx.exit(502)
end

-- What nginx itself refused, or a backend that did not answer. A backend's own error pages do not come here.
function M.error()
  local status = ngx.status
  local site = sites.of_request(ngx.var)
  if not site then return pages.answer(status) end
  ngx.var.wcp_access_log = site.access_log
  if site.type ~= "php" and site.type ~= "proxy" then set_headers(site) end
  if status == 404 and is_root_of_empty_site(site) then return pages.placeholder(ngx.var.host) end
  local page = site.error_pages[tostring(status)]
  if page and site.docroot and type(page) == "string" then
    local path = page:byte(1) == 47 and page or "/" .. page
    local plain = not ("/" .. path .. "/"):find("/%.%.?/") and files.kind(site.docroot .. path) == "file"
    if plain and not paths.hides(path) then
      ngx.req.set_method(ngx.HTTP_GET)
      ngx.req.set_uri(path)
      ngx.var.wcp_base = site.base
      ngx.var.wcp_docroot = site.docroot
      ngx.header["Cache-Control"] = nil
      ngx.var.wcp_cache_control = "no-cache"
      return ngx.exec("@file")
    end
  end
  return pages.answer(status)
end

-- On answers of a backend: what the site says replaces what the program said.
function M.headers()
  local site = sites.lookup(ngx.var.host)
  if site then set_headers(site) end
end

-- Orders of certificates are answered here before anything of the site counts: redirects, passwords and suspension included.
function M.challenge()
  local token = ngx.var.uri:match("^/%.well%-known/acme%-challenge/([%w_-]+)$")
  local text = token and #token <= 128 and files.read(config.challenges .. token)
  local challenge = text and cjson.decode(text)
  if type(challenge) ~= "table" or challenge.hostname ~= ngx.var.host then return ngx.exit(404) end
  ngx.header["Content-Type"] = "text/plain"
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(challenge.keyAuthorization)
  return ngx.exit(ngx.OK)
end

local function is_from_here()
  local peer = ngx.var.realip_remote_addr
  return peer == ngx.var.server_addr or peer == "::1" or peer:sub(1, 4) == "127." or peer == "unix:"
end

-- Tells the agent what is served for a name. Everybody else finds nothing here.
function M.probe()
  local token = (files.read(config.token_file) or ""):match("^%w+")
  if not token or #token < 32 or ngx.var.http_x_wcp360_probe ~= token or not is_from_here() then return ngx.exit(404) end
  local site = sites.lookup(ngx.var.host)
  if not site or not site.owner then return ngx.exit(404) end
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(cjson.encode({ owner = site.owner, uid = site.uid, generation = site.generation, type = site.type }))
end

return M
