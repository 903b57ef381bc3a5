-- One request: whose is it, may it, what answers it. Entered from the constant nginx.conf, phase by phase.
local cjson = require "cjson.safe"
local access = require "wcp.access"
local backend = require "wcp.backend"
local config = require "wcp.config"
local files = require "wcp.files"
local pages = require "wcp.pages"
local sites = require "wcp.site"

local root_handle
local find, byte = string.find, string.byte
local set_headers = pages.set_headers

local M = {}

local function root_directory()
  root_handle = root_handle or files.open_directory(config.root)
  return root_handle
end

M.release = backend.release

local function hides(uri)
  local at = uri:find("/.", 1, true)
  while at do
    if uri:sub(at, at + 12) ~= "/.well-known/" then return true end
    at = uri:find("/.", at + 1, true)
  end
  return false
end

-- `/a/`: anything below; `/a/*.php`: prefix and suffix; otherwise a suffix.
local function is_denied(patterns, uri)
  for i = 1, #patterns do
    local pattern = patterns[i]
    local star = pattern:find("*", 1, true)
    if star then
      local tail = pattern:sub(star + 1)
      if uri:sub(1, star - 1) == pattern:sub(1, star - 1) and uri:sub(-#tail) == tail then return true end
    elseif pattern:sub(-1) == "/" then
      if uri:sub(1, #pattern) == pattern then return true end
    elseif uri:sub(-#pattern) == pattern then
      return true
    end
  end
  return false
end

local function set_file_headers(site)
  if not site.compress then ngx.req.clear_header("Accept-Encoding") end
  ngx.header["Cache-Control"] = site.cache_control
  set_headers(site)
end

-- Leaves a path to nginx' own file handler, which checks every link on the way (disable_symlinks) and sends a directory to its slash.
local function serve_file(site)
  ngx.var.wcp_base = site.base
  ngx.var.wcp_docroot = site.docroot
  set_file_headers(site)
  return ngx.exec("@file")
end

local serve = {}

local function is_program(uri)
  return find(uri, "%.ph[pt]m?l?$") or find(uri, "%.phar$")
end

function serve.static(site, uri)
  if hides(uri) or is_program(uri) then return ngx.exit(404) end
  if byte(uri, -1) == 47 then
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
  if not files.is_plain(root_directory(), site.relative .. name) then
    script = files.real(script)
    if not script or script:sub(1, #site.base + 1) ~= site.base .. "/" or files.kind(script) ~= "file" then return ngx.exit(404) end
  end
  return backend.php(site, script, name, extra)
end

local function front_controller(site)
  if not site.front_controller then return ngx.exit(404) end
  return run_script(site, "/" .. site.front_controller, "")
end

function serve.php(site, uri)
  if hides(uri) then return ngx.exit(404) end
  if is_denied(site.deny, uri) then return ngx.exit(403) end
  local at, last = uri:find("%.php%f[/%z]")
  if at then
    local name = uri:sub(1, last)
    if is_denied(site.deny, name) then return ngx.exit(403) end
    return run_script(site, name, uri:sub(last + 1))
  end
  local kind = files.kind(site.docroot .. uri)
  if kind == "file" and uri:byte(-1) ~= 47 then
    if is_program(uri) then return ngx.exit(404) end
    return serve_file(site)
  end
  if kind ~= "directory" then return front_controller(site) end
  local directory = uri:byte(-1) == 47 and uri or uri .. "/"
  local has_script = files.kind(site.docroot .. directory .. "index.php") == "file"
  if not has_script and files.kind(site.docroot .. directory .. "index.html") ~= "file" then
    -- An empty document root is shown as such, not as a failure of a program that is not there yet.
    if directory == "/" and not site.front_controller then return ngx.exit(404) end
    return front_controller(site)
  end
  if directory ~= uri then
    -- nginx answers a directory without its slash by a redirect.
    return serve_file(site)
  end
  if has_script then return run_script(site, directory .. "index.php", "") end
  ngx.req.set_uri(directory .. "index.html")
  return serve_file(site)
end

function serve.proxy(site)
  return backend.proxy(site)
end

function serve.redirect(site)
  local to = site.to
  if to:sub(1, 2) == "//" then
    to = ngx.var.wcp_scheme .. ":" .. to .. ((ngx.var.http_host or ""):match(":%d+$") or "")
  end
  if site.keep_path then
    local rest = ngx.var.request_uri
    to = to:gsub("/+$", "") .. (rest:byte(1) == 47 and rest or "/")
  end
  ngx.header["Location"] = to
  ngx.header["Content-Type"] = "text/plain"
  ngx.status = site.code
  ngx.say("moved")
  return ngx.exit(ngx.OK)
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
  if not ngx.var.http_transfer_encoding or site.type ~= "php" and site.type ~= "proxy" then return true end
  ngx.exec("@body_" .. site.body_class)
  return false
end

-- What `quick` found for the request that `route` takes up in the same turn.
local found

local function pass_on(site)
  found = site
  return "yes"
end

local function find_site()
  local site = found or sites.lookup(ngx.var.host)
  found = nil
  if not site then
    pages.answer(421)
    return nil
  end
  local var = ngx.var
  if site.access_log then var.wcp_access_log = site.access_log end
  if site.type ~= "php" and site.type ~= "proxy" then set_headers(site)
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

-- The handle of the file that is being served. nginx opens what it stands for in this very turn of its loop, so the next request may close it.
local handle

-- Beyond this, sendfile is worth its extra system calls.
local large_bytes = 65536

-- "" or "large" when a file answers that anybody may see and no link leads to; "index" when its name has to be added;
-- "yes" when there is more to it and `route` has to look.
function M.quick()
  local var = ngx.var
  local site = sites.lookup(var.host)
  if not site or not site.relative or site.allow or var.http_content_length or var.http_transfer_encoding then return pass_on(site) end
  local uri = var.uri
  if byte(uri, -1) == 47 then return site.type == "static" and "index" or pass_on(site) end
  if find(uri, "/.", 1, true) or find(uri, ".ph", 1, true) or site.deny and is_denied(site.deny, uri) then return pass_on(site) end
  if handle then files.close(handle) end
  local size
  handle, size = files.file(root_directory(), site.relative .. uri)
  if not handle then return pass_on(site) end
  var.wcp_file = "/proc/self/fd/" .. handle
  var.wcp_access_log = site.access_log
  set_file_headers(site)
  return size > large_bytes and "large" or ""
end

-- After an attempt at a backend that gave no answer at all.
function M.unreached()
  local site = sites.lookup(ngx.var.host)
  if site and site.type == "php" then backend.retry_php(site) end
  return ngx.exit(502)
end

-- What nginx itself refused, or a backend that did not answer. A backend's own error pages do not come here.
function M.error()
  local status = ngx.status
  local site = sites.lookup(ngx.var.host)
  if not site then return pages.answer(status) end
  ngx.var.wcp_access_log = site.access_log
  if site.type ~= "php" and site.type ~= "proxy" then set_headers(site) end
  if status == 404 and is_root_of_empty_site(site) then return pages.placeholder(ngx.var.host) end
  local page = site.error_pages[tostring(status)]
  if page and site.docroot and type(page) == "string" then
    local path = page:byte(1) == 47 and page or "/" .. page
    local plain = not ("/" .. path .. "/"):find("/%.%.?/") and files.kind(site.docroot .. path) == "file"
    if plain and not hides(path) then
      ngx.req.set_method(ngx.HTTP_GET)
      ngx.req.set_uri(path)
      ngx.var.wcp_base = site.base
      ngx.var.wcp_docroot = site.docroot
      ngx.header["Cache-Control"] = "no-cache"
      return ngx.exec("@file")
    end
  end
  return pages.answer(status)
end

-- On answers of a backend: what the site says replaces what the program said.
function M.headers()
  if ngx.var.wcp_headers ~= "1" then return end
  local site = sites.lookup(ngx.var.host)
  if site then set_headers(site) end
end

-- Orders of certificates are answered here before anything of the site counts: redirects, passwords and suspension included.
function M.challenge()
  return ngx.exit(404)
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
