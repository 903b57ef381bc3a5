-- System calls on files that nginx has no directive for. All sizes and layouts are those of the kernel's own ABI (statx, openat2), equal on every machine.
local ffi = require "ffi"
local bit = require "bit"
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
char *realpath(const char *path, char *resolved);
void *opendir(const char *path);
struct wcp_dirent *readdir(void *dir);
int closedir(void *dir);
]]

local M = {}

local AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH = -100, 0x100, 0x1000
local BASIC = 0x7ff
local OPENAT2 = 437
local O_PATH_CLOEXEC = 0x200000 + 0x80000
local BENEATH_NO_SYMLINKS = 0x08 + 0x04
local TYPE, REGULAR, DIRECTORY, SOCKET = 0xf000, 0x8000, 0x4000, 0xc000

local found = ffi.new("struct wcp_statx")
local how = ffi.new("struct wcp_how", { flags = O_PATH_CLOEXEC, mode = 0, resolve = BENEATH_NO_SYMLINKS })
local how_size = ffi.sizeof("struct wcp_how")
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

-- A handle on the root of all that is ours, for `socket`.
function M.open_directory(path)
  how.resolve = 0
  local fd = tonumber(C.syscall(OPENAT2, AT_FDCWD, path, how, how_size))
  how.resolve = BENEATH_NO_SYMLINKS
  return fd >= 0 and fd or nil
end

-- A handle on a regular file below `dirfd`, with its size; nil when there is none, or a link on the way.
function M.file(dirfd, relative)
  local fd = tonumber(C.syscall(OPENAT2, dirfd, relative, how, how_size))
  if fd < 0 then return nil end
  if C.statx(fd, "", AT_EMPTY_PATH, BASIC, found) ~= 0 or bit.band(found.mode, TYPE) ~= REGULAR then
    C.close(fd)
    return nil
  end
  return fd, tonumber(found.size)
end

-- Whether a regular file lies below `dirfd`, with no link on the way.
function M.is_plain(dirfd, relative)
  local fd = M.file(dirfd, relative)
  if fd then C.close(fd) end
  return fd ~= nil
end

-- A handle on a socket below `dirfd`, with its owner's uid. No component may be a link, so nobody can point it elsewhere, now or later:
-- connecting through /proc/self/fd reaches this inode and no other.
function M.socket(dirfd, relative)
  local fd = tonumber(C.syscall(OPENAT2, dirfd, relative, how, how_size))
  if fd < 0 then return nil end
  if C.statx(fd, "", AT_EMPTY_PATH, BASIC, found) ~= 0 or bit.band(found.mode, TYPE) ~= SOCKET then
    C.close(fd)
    return nil
  end
  return fd, found.uid
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
