-- The way of most requests, without a coroutine: a file that anybody may see, or a program that need not be woken. Nothing here may wait or end the request.
local lrucache = require "resty.lrucache"
local backend = require "wcp.backend"
local files = require "wcp.files"
local pages = require "wcp.pages"
local paths = require "wcp.paths"
local sites = require "wcp.site"

-- All of this is compiled as one piece, with more constants in it than LuaJIT takes unasked: it would then be interpreted, at nearly twice the cost.
require("jit.opt").start("maxirconst=4000")

local M = {}

-- The handle of what is being served. nginx opens or connects to what it stands for in this very turn of its loop, so the next request may close it.
local handle

local function keep(fd)
  if handle then files.close(handle) end
  handle = fd
  return files.through(fd)
end

-- HTTP/2 and HTTP/3 need not say how long a body is, or that there is one.
local saying = { ["HTTP/1.1"] = true, ["HTTP/1.0"] = true }

function M.says_length(var) return saying[var.server_protocol] end

local validators = lrucache.new(1000)

-- What tells one state of a small file from another, as nginx itself writes it.
local function validators_of(size, changed)
  local key = changed * 2 ^ 15 + size
  local known = validators:get(key)
  if not known then
    known = { modified = ngx.http_time(changed), etag = string.format('"%x-%x"', changed, size) }
    validators:set(key, known)
  end
  return known
end

-- A small file is answered from memory; with a large one nginx knows best.
local function file(site, uri)
  local fd, size, changed = files.file(site.docroot .. uri)
  if not fd then return nil end
  pages.set_file_headers(site)
  local method = ngx.req.get_method()
  if size > files.content_bytes or method ~= "GET" and method ~= "HEAD" then
    ngx.var.wcp_file = keep(fd)
    return "/.well-known/wcp360/handle" .. uri
  end
  local content = files.content(fd, size)
  files.close(fd)
  if not content then return nil end
  local known = validators_of(size, changed)
  ngx.var.wcp_content = content
  ngx.header["Last-Modified"] = known.modified
  ngx.header["ETag"] = known.etag
  return "content"
end

local function script(site, name, extra)
  local path = site.docroot .. name
  if not M.says_length(ngx.var) then return nil end
  if not site.upstream or not files.is_plain(path) or not files.kind(site.socket) then return nil end
  backend.describe_script(site, path, name, extra)
  ngx.var.wcp_upstream = site.upstream
  if site.has_headers then ngx.var.wcp_headers = "1" end
  return site.program
end

local answer = {}

function answer.static(site, uri)
  if paths.is_directory(uri) then return uri .. "index.html" end
  return paths.may_be_file(site, uri) and file(site, uri) or nil
end

function answer.php(site, uri)
  local how = paths.may_be_file(site, uri) and file(site, uri)
  if how then return how end
  local what, name, extra = paths.in_php_site(site, uri)
  if what == "script" then return script(site, name, extra) end
  return what == "file" and paths.is_directory(uri) and name or nil
end

local found

-- What `answer` has found for the request that comes to `route` in the same turn.
function M.site()
  local site = found
  found = nil
  return site
end

-- How nginx is to go on: "content" when that is there to be sent; "more" when `route` has to look; the path of the location that answers; "" for PHP.
function M.answer()
  local var = ngx.var
  local site = sites.of_request(var)
  if site and answer[site.type] and not site.allow and var.wcp_special == "" and not sites.moves(site, var) then
    local how = answer[site.type](site, var.uri)
    if how then
      var.wcp_access_log = site.access_log
      return how
    end
  end
  found = site
  return "more"
end

return M
