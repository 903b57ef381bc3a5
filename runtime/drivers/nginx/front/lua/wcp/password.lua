-- Runs in a thread of its own (nginx' pool `passwords`): a bcrypt hash takes tens of milliseconds, in which a worker must serve others.
local ffi = require "ffi"

ffi.cdef [[ char *crypt_r(const char *phrase, const char *setting, void *data); ]]
-- libxcrypt's struct crypt_data has 32768 bytes.
local crypt_library = ffi.load("crypt.so.1")

local M = {}

function M.matches(phrase, hash)
  local scratch = ffi.new("char[32768]")
  local answer = crypt_library.crypt_r(phrase, hash, scratch)
  return answer ~= nil and ffi.string(answer) == hash
end

return M
