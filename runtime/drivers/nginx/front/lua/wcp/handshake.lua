-- Handshakes of CAs that want to see in the certificate that a name is ours (TLS-ALPN-01, RFC 8737). They come before all else: no site is asked for.
-- nginx agrees on HTTP only, and refuses whoever offers nothing else. Such a handshake is given other settings of OpenSSL, which agree on what was offered.
local cjson = require "cjson.safe"
local ffi = require "ffi"
local base = require "resty.core.base"
local hello = require "ngx.ssl.clienthello"
local ssl = require "ngx.ssl"
local config = require "wcp.config"
local files = require "wcp.files"
local C = ffi.C

ffi.cdef [[
typedef int (*wcp_agree)(void *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in, unsigned int in_length, void *arg);
const void *TLS_server_method(void);
void *SSL_CTX_new(const void *method);
void SSL_CTX_set_alpn_select_cb(void *settings, wcp_agree agree, void *arg);
void *SSL_set_SSL_CTX(void *ssl, void *settings);
]]

local M = {}

-- Extensions (RFC 7301; RFC 9001, which forbids the second over TCP).
local ALPN, QUIC_TRANSPORT_PARAMETERS = 16, 57
local protocol = "acme-tls/1"
local offer = string.char(#protocol) .. protocol
local agreed = ffi.new("unsigned char[?]", #protocol, protocol)

-- Called by OpenSSL, in the turn in which `answer` has ended and before any other code: on the stack of `answer`, which its own calls have told LuaJIT.
-- A compiled `answer` would not tell, and a compiled callback is none.
local function agree(_, out, length)
  out[0], length[0] = agreed, #protocol
  return 0
end
jit.off(agree)

local settings = C.SSL_CTX_new(C.TLS_server_method())
local agree_pointer = ffi.cast("wcp_agree", agree)
C.SSL_CTX_set_alpn_select_cb(settings, agree_pointer, nil)

-- What OpenSSL knows the handshake by. Debian 12's lua-resty-core does not tell; what its nginx has for that takes another argument than later ones do.
local handle = ssl.get_req_ssl_pointer
if not handle then
  ffi.cdef "void *ngx_http_lua_ffi_get_req_ssl_pointer(void *request, const char **fault);"
  local fault = ffi.new("const char *[1]")
  handle = function() return C.ngx_http_lua_ffi_get_req_ssl_pointer(base.get_request(), fault) end
  jit.off(handle)
end

local function pair_for(name)
  if not name or #name > 253 or not name:match("^%w[%w.-]*$") then return nil end
  local pair = cjson.decode(files.read(config.handshakes .. name:lower()) or "")
  return type(pair) == "table" and pair or nil
end

local function show(pair)
  local known = handle()
  if known == nil or C.SSL_set_SSL_CTX(known, settings) == nil then return false end
  local chain, key = ssl.parse_pem_cert(pair.certificate), ssl.parse_pem_priv_key(pair.key)
  return chain and key and ssl.set_cert(chain) and ssl.set_priv_key(key)
end

function M.answer()
  if config.speaks_quic then ngx.ctx.is_quic = hello.get_client_hello_ext(QUIC_TRANSPORT_PARAMETERS) ~= nil end
  local offered = hello.get_client_hello_ext(ALPN)
  if not offered or not offered:find(offer, 1, true) then return end
  local pair = pair_for(hello.get_client_hello_server_name())
  if not pair or not show(pair) then return ngx.exit(ngx.ERROR) end
end
jit.off(M.answer)
jit.off(show)

return M
