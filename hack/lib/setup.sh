# Shared by hack/up, hack/down, hack/install, hack/test and hack/bench: brings a fresh Debian 12 to where our programs run. To be sourced.
# Nothing here starts or enables a service of Debian's; everything can be interrupted at any point and repeated.

# What unprivileged programs of an instance read must not be closed to them by a strict umask.
umask 022
# `su` without a dash leaves root with a user's PATH.
PATH="$PATH:/usr/sbin:/sbin"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
node_bin="$top/node_modules/node/bin/node"
runtime_packages=(etcd-server nginx libnginx-mod-http-lua lua-cjson php8.2-fpm php8.2-mysql php8.2-pgsql bubblewrap ca-certificates openssl curl iproute2 util-linux git openssh-client gnupg libnss-wrapper
  pdns-server pdns-backend-sqlite3 sqlite3 mariadb-server postgresql-15 adminer pebble)
test_packages=(etcd-client pdns-backend-lmdb php8.2-cli bind9-dnsutils unzip jq wrk systemd openssh-server testssl.sh
  wordpress wordpress-theme-twentytwentythree php chromium)
image_tools=(buildah mmdebstrap)
# What the scripts of packages ask before they start a service; the word tells that it is ours.
policy=/usr/sbin/policy-rc.d
policy_word=wcp360-installs-packages

# Where an installation and an image have the programs.
library_path=/usr/local/lib/wcp360

say() { printf '  %-22s %s\n' "$1" "$2"; }
fail() { # fail WHAT HOW-TO-GO-ON
  printf '\n  %s\n  %s\n' "$1" "$2" >&2
  exit 1
}

# With a trap, bash waits for the command under way: no apt-get goes on without us.
trap 'fail Interrupted. "Run this again: it goes on from there."' HUP INT TERM

# Starts the calling script again as root, keeping who asked in SUDO_UID.
become_root() {
  [ "$(id -u)" -eq 0 ] && return
  local how='Run this as root, or as a user who may use sudo.'
  command -v sudo >/dev/null || fail 'Root rights are needed, since sites run under uids of their own; there is no sudo.' "$how"
  sudo true || fail 'Root rights are needed, since sites run under uids of their own; sudo gives you none.' "$how"
  exec sudo --preserve-env=CI,http_proxy,https_proxy,no_proxy "$0" "$@"
}

# Runs a command as the owner of the checkout, so that what it makes in there is theirs; an owner without an account here leaves it to root.
as_owner() {
  local account
  account=$(getent passwd "$(stat -c %u "$top")") || { "$@"; return; }
  runuser -u "${account%%:*}" -- env HOME="$(cut -d: -f6 <<<"$account")" PATH="$PATH" "$@"
}

# quietly NAME COMMAND…: shows the end of its output when it fails, and ends the script.
quietly() {
  local name=$1 output
  shift
  output=$("$@" </dev/null 2>&1) && return
  printf '%s\n' "$output" | tail -n 20 >&2
  fail "$name did not finish; the lines above say why." 'Run this again when the cause is gone: it goes on from there.'
}

# need_space MEBIBYTES: npm, esbuild and etcd say all kinds of things when the disk is full.
need_space() {
  local free
  free=$(df --block-size=M --output=avail "$top" | tr -cd 0-9)
  [ "$free" -ge "$1" ] || fail "This takes $1 MiB, and there are $free MiB free where $top lies." 'Make room and run this again.'
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# install_packages PACKAGE…: what is missing, with its services neither started nor enabled. One of us at a time: while an apt-get that we started
# goes on, even without us, it has the lock.
install_packages() {
  [ -d /var/lib/dpkg ] || fail "This is no Debian, so these packages cannot be installed: $*" 'Run this on Debian 12.'
  {
    flock --nonblock 9 || { say packages 'waiting for another installation to end'; flock 9; }
    install_missing "$@"
  } 9</var/lib/dpkg
}

install_missing() {
  local missing
  release_services
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    say packages 'already there'
    return
  fi
  say packages "installing ${missing[*]}"
  hold_services
  quietly apt-get apt_install "${missing[@]}"
  release_services
}

# apt_install PACKAGE…: also where dpkg was interrupted, where another installation is under way, and where some list cannot be fetched that is not needed.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure -a || true
  update_lists
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# update_lists: a fresh machine is fetching them itself after its boot, and apt-get waits for the lock on packages only.
update_lists() {
  local output _
  for _ in {1..150}; do
    output=$(LC_ALL=C apt-get update -qq 2>&1) || true
    [[ $output == *'Could not get lock'* ]] || break
    sleep 2
  done
  printf '%s\n' "$output"
}

# From here to release_services no service is started by an installation; the administrator's own policy is laid aside.
hold_services() {
  trap release_services EXIT
  [ ! -e "$policy" ] || mv "$policy" "$policy.$policy_word"
  printf '#!/bin/sh\n# %s: the next hack/up of WCP360 removes this, if the one that made it was killed.\nexit 101\n' "$policy_word" >"$policy"
  chmod 755 "$policy"
}

# Disables what was enabled since hold_services, be it by a run that was killed since: our policy's time says which that is.
release_services() {
  if grep -qs "$policy_word" "$policy"; then
    find /etc/systemd/system -path '*.wants/*' -type l -newer "$policy" -printf '%f\n' | xargs -r systemctl disable --quiet
    rm "$policy"
  fi
  [ ! -e "$policy.$policy_word" ] || mv "$policy.$policy_word" "$policy"
  trap - EXIT
}

# install_modules NAME DIRECTORY MEBIBYTES: exactly what its lock file says, which takes so much with npm's cache. An interrupted run leaves no
# stamp behind and is begun anew.
install_modules() {
  local lock="$2/package-lock.json" stamp="$2/node_modules/.wcp360-lock" PATH="$PATH"
  if cmp -s "$lock" "$stamp"; then
    say "$1" 'already there'
    return
  fi
  command -v npm >/dev/null || install_packages nodejs npm
  need_space "$3"
  say "$1" 'installing with npm (a minute)'
  # Tests run as root and leave files in there.
  rm -rf "$2/node_modules" "$top/first-node"
  put_node_first
  run_npm --prefix "$2" ci
  rm -rf "$top/first-node"
  [ -x "$node_bin" ] || fail 'The npm package "node" brought no Node for this machine.' 'WCP360 needs Linux on x64 or arm64 and install scripts allowed for the package "node".'
  as_owner cp "$lock" "$stamp"
}

# put_node_first: any Node runs npm, but npm leaves out the optional modules that are not for the Node it runs on, so it gets the project's.
put_node_first() {
  local version
  version=$(sed -n 's/^ *"node": "\([0-9.]*\)".*/\1/p' "$top/package.json")
  [ "$(node --version)" = "v$version" ] && return
  run_npm --prefix "$top/first-node" install --no-save --no-package-lock "node@$version"
  PATH="$top/first-node/node_modules/node/bin:$PATH"
}

run_npm() { quietly npm as_owner npm --no-audit --no-fund --loglevel=error "$@"; }

# build_programs LIBRARY: bundles wcpd and wcpctl into LIBRARY when a source is newer than the bundle.
build_programs() {
  local stamp="$1/.built" sources=(runtime controllers schemas manifests hack/build.ts package-lock.json)
  if [ -f "$stamp" ] && [ -z "$(cd "$top" && find "${sources[@]}" -newer "$stamp" -type f -print -quit)" ]; then
    say programs 'already built'
    return
  fi
  mkdir -p "$1"
  touch "$stamp.new"
  (cd "$top" && "$node_bin" hack/build.ts "$1") || fail 'The programs could not be bundled.' 'The lines above say why.'
  mv "$stamp.new" "$stamp"
  say programs built
}

# program_runs PID-FILE: the quick start's example program runs under that process id.
program_runs() {
  [ -f "$1" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$1")/cmdline" | grep -q lib/quickstart/server.mjs
}

# place_wrapper PROGRAM DIRECTORY: a command that runs the program where it is installed. grpc-js names an address as the TLS server name, which Node
# deprecates.
place_wrapper() {
  printf '#!/bin/sh\nexec %s/node --disable-warning=DEP0123 %s/programs/%s.mjs "$@"\n' "$library_path" "$library_path" "$1" >"$2/$1"
  chmod 0755 "$2/$1"
}
