-- What the platform itself serves under a name of its own: so far the web client for databases. Who may come in, and where to, the agent knows.
local agent = require "wcp.agent"
local backend = require "wcp.backend"
local pages = require "wcp.pages"

local M = {}

local cookie_name = "__Host-wcp360-databases"
local longest = 64

local own_policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

-- The token stands behind the # of the address: browsers send that part to nobody, so it is in no log, and whoever only looks at links uses up none.
local script = [[
const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
fetch('enter', { method: 'POST', body: token }).then((answer) => {
  if (answer.ok) location.replace('./');
  else document.querySelector('p').textContent = 'This way in has been used, or its time is over. Ask for another one.';
});
]]

local entrance = [[<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex"><title>Databases</title></head>
<body><p>One moment …</p><script src="enter.js"></script></body></html>
]]

local function cookies()
  local list = {}
  for name, value in (ngx.var.http_cookie or ""):gmatch("([^=;%s]+)=([^;]*)") do list[#list + 1] = { name, value } end
  return list
end

local function is_secret(text) return text ~= nil and #text <= longest and text:match("^[%w_-]+$") ~= nil end

local function session_cookie()
  for _, cookie in ipairs(cookies()) do
    if cookie[1] == cookie_name and is_secret(cookie[2]) then return cookie[2] end
  end
end

local function set_cookie(value, more)
  ngx.header["Set-Cookie"] = cookie_name .. "=" .. value .. "; Path=/; Secure; HttpOnly; SameSite=Strict" .. more
end

local function say(status, kind, text)
  ngx.status = status
  ngx.header["Content-Type"] = kind
  ngx.header["Content-Security-Policy"] = own_policy
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(text)
  return ngx.exit(ngx.OK)
end

local function refuse(status, message)
  ngx.header["Content-Security-Policy"] = own_policy
  return pages.answer(status, message)
end

-- Answers nobody but people and pages of ours: sites of tenants may be of the same site to a browser, and get its cookies sent along. People come to the
-- entrance from anywhere.
local function comes_from_here(uri)
  local method, from = ngx.var.request_method, ngx.var.http_sec_fetch_site
  if from and from ~= "same-origin" and from ~= "none" and uri ~= "/databases/enter" then return false end
  if method == "GET" or method == "HEAD" then return true end
  return ngx.var.http_origin == "https://" .. ngx.var.wcp_host
end

local function enter()
  if ngx.var.request_method ~= "POST" then return say(200, "text/html; charset=utf-8", entrance) end
  if tonumber(ngx.var.http_content_length) > longest then return refuse(403) end
  ngx.req.read_body()
  local token = ngx.req.get_body_data()
  local cookie, fault
  if is_secret(token) then cookie, fault = agent.panel("redeem " .. token .. " " .. (session_cookie() or "-")) end
  if cookie then
    set_cookie(cookie, "")
    return say(204, "text/plain", "")
  end
  return refuse((not fault or fault == "error refused") and 403 or 503)
end

local over = "You are not logged in to a database, or no longer. Ask for a way in: wcpctl db web"

local function leave()
  local cookie = session_cookie()
  if cookie then agent.panel("leave " .. cookie) end
  set_cookie("", "; Max-Age=0")
  return say(200, "text/plain; charset=utf-8", "You are logged out.\n")
end

-- What knows a session is for nobody else to see, programs of the tenant included.
local function hide_session(cookie)
  ngx.var.wcp_session = cookie
  local kept = {}
  for _, each in ipairs(cookies()) do
    if each[1]:sub(1, 8) == "adminer_" then kept[#kept + 1] = each[1] .. "=" .. each[2] end
  end
  ngx.req.set_header("Cookie", table.concat(kept, "; "))
end

local function work(site)
  local cookie = session_cookie()
  local socket, fault
  if cookie then socket, fault = agent.panel("enter " .. cookie) end
  if not socket then
    if cookie and fault ~= "error over" then return refuse(503) end
    set_cookie("", "; Max-Age=0")
    return refuse(403, over)
  end
  hide_session(cookie)
  return backend.client(site, socket)
end

-- The agent starts another client where the one before it is gone.
function M.retry(site)
  return backend.try_again(site, function() return agent.panel("enter " .. ngx.var.wcp_session) end)
end

local doors = {
  ["/databases/"] = work,
  ["/databases/enter"] = enter,
  ["/databases/enter.js"] = function() return say(200, "text/javascript; charset=utf-8", script) end,
  ["/databases/leave"] = leave,
}

function M.serve(site, uri)
  local method = ngx.var.request_method
  if method ~= "GET" and method ~= "HEAD" and method ~= "POST" then return ngx.exit(405) end
  local door = site.has_client and ngx.var.wcp_scheme == "https" and doors[uri]
  if not door then return ngx.exit(404) end
  pages.set_headers(site)
  if not comes_from_here(uri) then return refuse(403) end
  -- Nobody has us keep more than is said before it is known who sends it.
  if ngx.var.request_method == "POST" and not ngx.var.http_content_length then return refuse(411) end
  return door(site)
end

return M
