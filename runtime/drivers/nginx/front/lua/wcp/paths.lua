-- What the path of a request stands for in the tree of a site, by names and by what is there. Who may see it is decided elsewhere.
local files = require "wcp.files"
local find, sub, byte = string.find, string.sub, string.byte

local M = {}

local slash = byte("/")

function M.is_directory(uri) return byte(uri, -1) == slash end

-- Names that begin with a dot are nobody's business, but for `/.well-known/`.
function M.hides(uri)
  local at = find(uri, "/.", 1, true)
  while at do
    if sub(uri, at, at + 12) ~= "/.well-known/" then return true end
    at = find(uri, "/.", at + 1, true)
  end
  return false
end

function M.is_program(uri)
  return find(uri, "%.ph[pt]m?l?$") or find(uri, "%.phar$")
end

-- `/a/`: anything below; `/a/*.php`: prefix and suffix; otherwise a suffix.
function M.pattern(text)
  local star = find(text, "*", 1, true)
  if star then return { prefix = sub(text, 1, star - 1), suffix = sub(text, star + 1) } end
  if byte(text, -1) == slash then return { prefix = text, suffix = "" } end
  return { prefix = "", suffix = text }
end

function M.is_denied(patterns, uri)
  for i = 1, #patterns do
    local prefix, suffix = patterns[i].prefix, patterns[i].suffix
    if sub(uri, 1, #prefix) == prefix and (suffix == "" or sub(uri, -#suffix) == suffix) then return true end
  end
  return false
end

-- False for all that is never served as a file. Plain searches only: those are compiled.
function M.may_be_file(site, uri)
  return not M.is_directory(uri) and not find(uri, ".ph", 1, true) and not M.hides(uri) and not M.is_denied(site.deny, uri)
end

-- Where the name of a script ends that stands in a path, after `from`.
local function script_end(uri, from)
  local at, last = find(uri, ".php", from, true)
  if not at then return nil end
  local follows = byte(uri, last + 1)
  if not follows or follows == slash then return last end
  return script_end(uri, last)
end

local function front_controller(site)
  if not site.front_controller then return 404 end
  return "script", "/" .. site.front_controller, ""
end

local function in_directory(site, uri)
  local directory = M.is_directory(uri) and uri or uri .. "/"
  local has_script = files.kind(site.docroot .. directory .. "index.php") == "file"
  if not has_script and files.kind(site.docroot .. directory .. "index.html") ~= "file" then
    -- An empty document root is shown as such, not as a failure of a program that is not there yet.
    if directory == "/" and not site.front_controller then return 404 end
    return front_controller(site)
  end
  -- nginx answers a directory without its slash by a redirect.
  if directory ~= uri then return "file", uri end
  if has_script then return "script", directory .. "index.php", "" end
  return "file", directory .. "index.html"
end

-- Of a PHP site: "script" with its name and what follows it in the path; "file" with its path; or the status to answer.
function M.in_php_site(site, uri)
  if M.hides(uri) then return 404 end
  if M.is_denied(site.deny, uri) then return 403 end
  local last = script_end(uri, 1)
  if last == #uri then return "script", uri, "" end
  if last then
    local name = sub(uri, 1, last)
    if M.is_denied(site.deny, name) then return 403 end
    return "script", name, sub(uri, last + 1)
  end
  local kind = files.kind(site.docroot .. uri)
  if kind == "directory" then return in_directory(site, uri) end
  if kind ~= "file" or M.is_directory(uri) then return front_controller(site) end
  if M.is_program(uri) then return 404 end
  return "file", uri
end

return M
