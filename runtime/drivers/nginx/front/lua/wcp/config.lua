-- Where things are on this host; set once, before workers start.
local M = {}

function M.load(root, front)
  M.root = root
  M.front = front
  M.sites = front .. "/sites/"
  M.tenants = root .. "/tenants/"
  M.auth = front .. "/auth/"
  M.pools = root .. "/run/php/"
  M.staples = front .. "/staples/"
  M.challenges = front .. "/challenges/"
  M.handshakes = front .. "/handshakes/"
  M.wake_socket = "unix:" .. root .. "/run/wake.sock"
  M.panel_socket = "unix:" .. root .. "/run/panel.sock"
  M.key_socket = "unix:" .. root .. "/run/keys.sock"
  M.token_file = front .. "/probe-token"
end

-- Where visitors find HTTPS; nil where there is none.
M.https_port = @HTTPS_PORT@

-- Whether QUIC is spoken.
M.speaks_quic = @SPEAKS_QUIC@

-- Classes of directives that take no variable; ascending. The templates are rendered with the same lists.
M.timeouts = { @TIMEOUTS@ }
M.bodies = { @BODIES@ }

-- The smallest class that is not below `value`, or the largest.
function M.class(classes, value)
  for i = 1, #classes do
    if value <= classes[i] then return classes[i] end
  end
  return classes[#classes]
end

return M
