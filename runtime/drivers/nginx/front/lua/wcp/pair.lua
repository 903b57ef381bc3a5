-- A certificate with its chain, and its key, as OpenSSL has them. Reading a key without a word of what kind it is lets OpenSSL 3 try all kinds that there are,
-- which costs as much as a handshake; and the certificates of the CAs are the same ones for thousands of sites.
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local ssl = require "ngx.ssl"

ffi.cdef [[
  void *d2i_PrivateKey(int type, void **key, const unsigned char **der, long length);
  void EVP_PKEY_free(void *key);
  void ERR_clear_error(void);
  int X509_up_ref(void *certificate);
  int OPENSSL_sk_num(const void *stack);
  void *OPENSSL_sk_value(const void *stack, int index);
  int OPENSSL_sk_push(void *stack, const void *data);
]]

local C = ffi.C

local M = {}

-- What a PKCS #8 key of each kind has in its head (RFC 5208, RFC 5480, RFC 8017), and OpenSSL's number for it.
local kinds = {
  { mark = "\42\134\72\206\61\2\1", number = 408 }, -- id-ecPublicKey
  { mark = "\42\134\72\134\247\13\1\1\1", number = 6 }, -- rsaEncryption
}

-- Chains without the certificate of the site, by their text.
local authorities = lrucache.new(100)

local function free_key(key) C.EVP_PKEY_free(key) end

local function key_of_kind(der, number)
  local at = ffi.new("const unsigned char *[1]", ffi.cast("const unsigned char *", der))
  local key = C.d2i_PrivateKey(number, nil, at, #der)
  -- What was left over would be taken for a fault of a handshake.
  C.ERR_clear_error()
  return key ~= nil and ffi.gc(key, free_key) or nil
end

local block = "^%-%-%-%-%-BEGIN PRIVATE KEY%-%-%-%-%-\n([%w+/=\n]+)%-%-%-%-%-END PRIVATE KEY%-%-%-%-%-\n?$"

-- As `ssl.parse_pem_priv_key`, which is left what is of no kind that we know.
function M.key(pem)
  local text = pem:match(block)
  local der = text and ngx.decode_base64((text:gsub("\n", "")))
  for _, kind in ipairs(der and kinds or {}) do
    local key = der:sub(1, 40):find(kind.mark, 1, true) and key_of_kind(der, kind.number)
    if key then return key end
  end
  return ssl.parse_pem_priv_key(pem)
end

-- As `ssl.parse_pem_cert`.
function M.chain(pem)
  local _, last = pem:find("-----END CERTIFICATE-----\n", 1, true)
  local rest = last and pem:sub(last + 1) or ""
  if not rest:find("BEGIN CERTIFICATE", 1, true) then return ssl.parse_pem_cert(pem) end
  local shared = authorities:get(rest)
  if not shared then
    local fault
    shared, fault = ssl.parse_pem_cert(rest)
    if not shared then return nil, fault end
    authorities:set(rest, shared)
  end
  local chain, fault = ssl.parse_pem_cert(pem:sub(1, last))
  if not chain then return nil, fault end
  -- Each stack lets go of its certificates by itself.
  for index = 0, C.OPENSSL_sk_num(shared) - 1 do
    local each = C.OPENSSL_sk_value(shared, index)
    C.X509_up_ref(each)
    C.OPENSSL_sk_push(chain, each)
  end
  return chain
end

return M
