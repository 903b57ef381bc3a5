-- System calls on files that nginx has no directive for. All sizes and layouts are those of the kernel's own ABI (statx, openat2), equal on every machine.
local ffi = require "ffi"
local bit = require "bit"
local config = require "wcp.config"
local C = ffi.C

ffi.cdef [[
struct wcp_time { int64_t sec; uint32_t nsec; int32_t pad; };
struct wcp_statx {
  uint32_t mask, blksize; uint64_t attributes; uint32_t nlink, uid, gid; uint16_t mode, pad1;
  uint64_t ino, size, blocks, attributes_mask; struct wcp_time atime, btime, ctime, mtime;
  uint32_t rdev_major, rdev_minor, dev_major, dev_minor; uint64_t spare[14];
};
struct wcp_how { uint64_t flags, mode, resolve; };
struct wcp_dirent { uint64_t ino; int64_t off; uint16_t reclen; uint8_t type; char name[256]; };
int statx(int dirfd, const char *path, int flags, unsigned int mask, struct wcp_statx *buf);
long syscall(long number, long dirfd, const char *path, struct wcp_how *how, size_t size);
int close(int fd);
ssize_t pread(int fd, void *into, size_t size, int64_t offset);
char *realpath(const char *path, char *resolved);
void *opendir(const char *path);
struct wcp_dirent *readdir(void *dir);
int closedir(void *dir);
]]

local M = {}

-- The most that `content` reads.
M.content_bytes = 16384

local AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH = -100, 0x100, 0x1000
local BASIC = 0x7ff
local OPENAT2 = 437
local O_PATH, O_NONBLOCK, O_CLOEXEC = 0x200000, 0x800, 0x80000
local BENEATH_NO_SYMLINKS = 0x08 + 0x04
local TYPE, REGULAR, DIRECTORY = 0xf000, 0x8000, 0x4000

local found = ffi.new("struct wcp_statx")
local how_size = ffi.sizeof("struct wcp_how")
local as_place = ffi.new("struct wcp_how", { flags = O_PATH + O_CLOEXEC, resolve = BENEATH_NO_SYMLINKS })
local to_read = ffi.new("struct wcp_how", { flags = O_NONBLOCK + O_CLOEXEC, resolve = BENEATH_NO_SYMLINKS })
local anywhere = ffi.new("struct wcp_how", { flags = O_PATH + O_CLOEXEC })
local content = ffi.new("char[?]", M.content_bytes)
local resolved = ffi.new("char[4097]")

-- inode, mtime seconds, nanoseconds, size of a regular file that is no link; nil when there is none.
function M.version(path)
  if C.statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, BASIC, found) ~= 0 then return nil end
  if bit.band(found.mode, TYPE) ~= REGULAR then return nil end
  return tonumber(found.ino), tonumber(found.ctime.sec), found.ctime.nsec, tonumber(found.size)
end

-- "file", "directory", "other" or nil, following links: what is served is checked again by nginx (disable_symlinks).
function M.kind(path)
  if C.statx(AT_FDCWD, path, 0, BASIC, found) ~= 0 then return nil end
  local kind = bit.band(found.mode, TYPE)
  if kind == REGULAR then return "file" end
  return kind == DIRECTORY and "directory" or "other"
end

-- The path without links, or nil.
function M.real(path)
  local answer = C.realpath(path, resolved)
  if answer == nil then return nil end
  return ffi.string(answer)
end

local function open(dirfd, path, how)
  local fd = tonumber(C.syscall(OPENAT2, dirfd, path, how, how_size))
  return fd >= 0 and fd or nil
end

local root_handle, root_length

-- Opens a path below the root of all that is ours. No component below the root may be a link, so nobody can point it elsewhere, now or later: what is
-- opened through /proc/self/fd is the inode that was looked at and no other.
local function open_below(path, how)
  if not root_handle then root_handle, root_length = open(AT_FDCWD, config.root, anywhere), #config.root + 1 end
  return open(root_handle, ffi.cast("const char *", path) + root_length, how)
end

-- A handle on a regular file; nil when there is none.
local function open_file(path, how)
  local fd = open_below(path, how)
  if not fd then return nil end
  if C.statx(fd, "", AT_EMPTY_PATH, BASIC, found) == 0 and bit.band(found.mode, TYPE) == REGULAR then return fd end
  C.close(fd)
  return nil
end

-- A handle on a file to read from, its size, and the second of its last change.
function M.file(path)
  local fd = open_file(path, to_read)
  if fd then return fd, tonumber(found.size), tonumber(found.mtime.sec) end
end

-- Whether there is such a file.
function M.is_plain(path)
  local fd = open_file(path, as_place)
  if fd then C.close(fd) end
  return fd ~= nil
end

-- A handle on a socket. What is none refuses to be connected to.
function M.socket(path)
  return open_below(path, as_place)
end

-- The path by which nginx opens what a handle stands for.
function M.through(fd)
  return "/proc/self/fd/" .. fd
end

-- The first `size` bytes of a file, at most `content_bytes`.
function M.content(fd, size)
  local count = tonumber(C.pread(fd, content, size, 0))
  return count >= 0 and ffi.string(content, count) or nil
end

function M.close(fd)
  C.close(fd)
end

-- True for a directory that holds nothing.
function M.is_empty(path)
  local dir = C.opendir(path)
  if dir == nil then return false end
  local count = 0
  while count < 3 and C.readdir(dir) ~= nil do count = count + 1 end
  C.closedir(dir)
  return count < 3
end

function M.read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

return M
