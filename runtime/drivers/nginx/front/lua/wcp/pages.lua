-- The pages that are the front's own. They say what is the matter and nothing about the host.
local M = {}

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local template = [[<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>%s</title>
<style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;margin:0;padding:1.5rem;text-align:center}
h1{font-size:1.5rem;margin:0 0 .5rem}p{max-width:34rem;margin:0;opacity:.75}</style></head><body><main><h1>%s</h1><p>%s</p></main></body></html>
]]

local texts = {
  [401] = { "Sign in", "This page needs a user name and a password." },
  [403] = { "Not allowed", "You may not see this page." },
  [404] = { "Not found", "There is nothing at this address." },
  [405] = { "Not possible here", "This address does not take requests of this kind." },
  [413] = { "Too large", "What was sent is larger than this site accepts." },
  [421] = { "No site here", "No site with this name is served from this address." },
  [429] = { "Too many tries", "Wait a moment before you try again." },
  [500] = { "Something went wrong", "The site could not answer. Try again later." },
  [502] = { "No answer", "The program behind this site does not answer. Try again later." },
  [503] = { "Not available", "This site is not available at the moment." },
  [504] = { "No answer in time", "The program behind this site took too long. Try again later." },
  [508] = { "Going in circles", "This site passes requests on to itself." },
}

local function escape(text) return (tostring(text):gsub('[&<>"]', escapes)) end

-- The site's own response headers.
function M.set_headers(site)
  local list = site.headers
  for i = 1, #list do ngx.header[list[i][1]] = list[i][2] end
  -- RFC 6797 §7.2: not over plain HTTP.
  if site.hsts and ngx.var.wcp_scheme == "https" then ngx.header["Strict-Transport-Security"] = site.hsts end
end

function M.set_file_headers(site)
  if not site.compress then ngx.req.clear_header("Accept-Encoding") end
  if site.cache_control ~= "no-cache" then ngx.var.wcp_cache_control = site.cache_control end
  if site.has_headers then M.set_headers(site) end
end

-- Ends the request with a page; `message` replaces the standard sentence.
function M.answer(status, message)
  local text = texts[status] or { "Error " .. status, "The request could not be answered." }
  ngx.status = status
  ngx.header["Content-Type"] = "text/html; charset=utf-8"
  ngx.header["Cache-Control"] = "no-store"
  local title = escape(text[1])
  ngx.print(template:format(title, title, escape(message and message ~= "" and message or text[2])))
  return ngx.exit(ngx.OK)
end

-- What an empty document root shows instead of an error.
function M.placeholder(host)
  ngx.status = 200
  ngx.header["Content-Type"] = "text/html; charset=utf-8"
  ngx.header["Cache-Control"] = "no-store"
  local title = escape(host)
  ngx.print(template:format(title, title, "This site is set up and waits for its first file."))
  return ngx.exit(ngx.OK)
end

return M
