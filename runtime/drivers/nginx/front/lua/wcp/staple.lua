-- What a CA says of a certificate, shown together with it. The agent asks the CA and writes the answer down; here it is only read, once for each answer.
local cjson = require "cjson.safe"
local ocsp = require "ngx.ocsp"
local ssl = require "ngx.ssl"
local config = require "wcp.config"
local files = require "wcp.files"

local M = {}

-- The answers on one certificate, by its fingerprint; `chain` (PEM) is what they are checked with.
function M.of(fingerprint, chain)
  return fingerprint:match("^%x+$") and { path = config.staples .. fingerprint, chain = ssl.cert_pem_to_der(chain) } or nil
end

-- OpenSSL has the last word on whether it is the CA's, on this certificate, and good.
local function read(staple)
  local found = cjson.decode(files.read(staple.path) or "")
  if type(found) ~= "table" then return nil end
  local response = ngx.decode_base64(found["response"] or "")
  local fine, fault = ocsp.validate_ocsp_response(response or "", staple.chain)
  if fine then return response, found["until"] end
  ngx.log(ngx.ERR, "response of a CA: ", fault)
end

-- Whoever asked for it gets it with the certificate of this handshake. Without one, or after its time, there is only the certificate.
function M.show(staple)
  local inode, second, nanosecond = files.version(staple.path)
  if not inode then return end
  if staple.inode ~= inode or staple.second ~= second or staple.nanosecond ~= nanosecond then
    staple.inode, staple.second, staple.nanosecond = inode, second, nanosecond
    staple.response, staple.ends = read(staple)
  end
  if staple.response and ngx.time() < staple.ends then ocsp.set_ocsp_status_resp(staple.response) end
end

return M
