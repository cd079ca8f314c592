#!/bin/sh
# Denkeeper @VERSION@: a coordination server that speaks ZooKeeper's protocols. Run it, or see --help.
#
# One file: behind the last line of this script are, compressed, the program and the runtime it runs on. They are
# unpacked once, into a folder of the cache that is named by their hash, and from then on started there at once.
#
# DENKEEPER_CACHE  where to unpack to (default: XDG_CACHE_HOME, else ~/.cache, else /var/tmp)
# ZK_SERVER_HEAP   megabytes for the heap of a server (default: half of the container's memory limit); or -Xmx in
#                  SERVER_JVMFLAGS or JVMFLAGS, or --max-old-space-size in DENO_V8_FLAGS

hash=@HASH@
offset=@OFFSET@ # of what is behind this script, the first byte being 1

fail() {
  echo "denkeeper: $1" >&2
  exit 1
}

# Absolute, so that the program can start itself again. Without a slash is what a shell was told to read (`sh denkeeper`).
case $0 in
  /*) DENKEEPER_EXECUTABLE=$0 ;;
  *) DENKEEPER_EXECUTABLE=$PWD/${0#./} ;;
esac
[ -f "$DENKEEPER_EXECUTABLE" ] || DENKEEPER_EXECUTABLE=$(command -v -- "$0")
export DENKEEPER_EXECUTABLE

# What is in it gets run: nobody else may own it. Who makes an image for other users names the folder himself.
case ${DENKEEPER_CACHE-} in
  /*) cache=$DENKEEPER_CACHE ;;
  ?*) cache=$PWD/$DENKEEPER_CACHE ;;
  *)
    cache=
    for base in "${XDG_CACHE_HOME-}" "${HOME:+$HOME/.cache}"; do
      case $base in /?*) ;; *) continue ;; esac
      # A home that is not there is nobody's to make: users of services have /nonexistent.
      [ -d "$base" ] || (umask 077 && mkdir "$base" 2>/dev/null) || [ -d "$base" ] || continue
      if [ -O "$base" ] && [ -w "$base" ]; then
        cache=$base/denkeeper
        break
      fi
    done
    [ -n "$cache" ] || cache=/var/tmp/denkeeper-$(id -u)
    ;;
esac
home=$cache/$hash

# Anyone may make folders and links in /var/tmp.
is_own() {
  [ -n "${DENKEEPER_CACHE-}" ] || { [ -O "$1" ] && [ ! -L "$1" ]; }
}

sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum
  elif command -v shasum >/dev/null; then
    shasum -a 256
  else
    fail "neither sha256sum nor shasum is here to verify this file with: install one of them"
  fi
}

unpack() {
  [ -r "$DENKEEPER_EXECUTABLE" ] ||
    fail "cannot read $DENKEEPER_EXECUTABLE, which holds the program: start it by a path"
  for tool in tail tar @DECOMPRESSOR@; do
    command -v "$tool" >/dev/null ||
      fail "$tool is not here to unpack this file with: install it, or unpack on another machine and set DENKEEPER_CACHE"
  done
  (umask 077 && mkdir -p "$cache") ||
    fail "cannot make the folder $cache to unpack to: set DENKEEPER_CACHE to one that can be written"
  is_own "$cache" ||
    fail "the folder $cache to unpack to belongs to someone else, or is a link: set DENKEEPER_CACHE to one of your own"
  actual=$(tail -c "+$offset" "$DENKEEPER_EXECUTABLE" | sha256) || exit 1
  [ "${actual%% *}" = "$hash" ] ||
    fail "$DENKEEPER_EXECUTABLE is damaged (SHA-256 ${actual%% *}, not $hash): download it again"
  # Of those that were killed on the way.
  ! command -v find >/dev/null ||
    find "$cache" -maxdepth 1 -name 'unpacking.*' -mmin +60 -exec rm -rf {} + 2>/dev/null
  unpacked=$(umask 077 && mktemp -d "$cache/unpacking.XXXXXX") ||
    fail "cannot write to $cache: make room there, or set DENKEEPER_CACHE"
  trap 'rm -rf "$unpacked"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  tail -c "+$offset" "$DENKEEPER_EXECUTABLE" | @DECOMPRESSOR@ -dc | tar -xf - -C "$unpacked" ||
    rm -f "$unpacked/complete"
  [ -f "$unpacked/complete" ] ||
    fail "cannot unpack to $cache, which takes @UNPACKED_MB@ MB: make room there, or set DENKEEPER_CACHE"
  "$unpacked/denkeeper" --version >/dev/null ||
    fail "cannot run what was unpacked to $cache: is it mounted noexec, or this not @TARGET@? Set DENKEEPER_CACHE"
  # Another process may have been faster; then theirs is used, and ours removed.
  mv "$unpacked" "$home" 2>/dev/null
  rm -rf "$unpacked" "${home:?}/${unpacked##*/}"
  trap - EXIT INT TERM HUP
  [ -f "$home/complete" ] || fail "cannot move what was unpacked to $home: remove it, and try again"
}

[ -f "$home/complete" ] || unpack
{ is_own "$cache" && is_own "$home"; } ||
  fail "$home belongs to someone else, who could put anything into it: set DENKEEPER_CACHE to a folder of your own"

# The runtime looks at the machine's memory only. In a container, what the heap may take follows from its limit; and the
# server is told, since it may not look there itself.
unset DENKEEPER_MEMORY_LIMIT
least=
take_limit_of() {
  [ -r "$1" ] && read -r limit <"$1" || return 0
  case $limit in *[!0-9]* | ????????????????*) return 0 ;; esac # none
  [ -z "$least" ] || [ "$limit" -lt "$least" ] || return 0
  least=$limit
}
if [ -r /proc/self/cgroup ]; then
  take_limit_of /sys/fs/cgroup/memory.max
  take_limit_of /sys/fs/cgroup/memory/memory.limit_in_bytes
  while IFS=: read -r _ controllers path; do
    case $controllers in
      '') take_limit_of "/sys/fs/cgroup$path/memory.max" ;;
      memory) take_limit_of "/sys/fs/cgroup/memory$path/memory.limit_in_bytes" ;;
    esac
  done </proc/self/cgroup
fi
heap=
if [ -n "$least" ]; then
  export DENKEEPER_MEMORY_LIMIT="$least"
  [ "$least" -ge 8589934592 ] || heap=$((least / 2097152))
fi
# What operators give Java's server, in the order in which zkServer.sh hands it on: the last one counts.
set_heap() { # a number and k, m, g or nothing
  case $1 in
    '' | [!0-9]* | ???????????????* | *[0-9]*[!0-9]?*) return 0 ;;
    *[gG]) heap=$((${1%?} * 1024)) ;;
    *[mM]) heap=${1%?} ;;
    *[kK]) heap=$((${1%?} / 1024)) ;;
    *[!0-9]) return 0 ;;
    *) heap=$(($1 / 1048576)) ;;
  esac
  [ "$heap" -ge 128 ] || heap=128 # with too little the runtime ends without a word
}
set_heap "${ZK_SERVER_HEAP:+${ZK_SERVER_HEAP}m}"
set -f
for word in ${SERVER_JVMFLAGS-} ${JVMFLAGS-}; do
  case $word in -Xmx*) set_heap "${word#-Xmx}" ;; esac
done
set +f
case ${DENO_V8_FLAGS-} in *max-old-space-size* | *max_old_space_size*) heap= ;; esac

# A server needs no other programs; the tools do.
case ${1-} in
  start-foreground) set -- @SERVER_FLAGS@ "--v8-flags=@V8_FLAGS@${heap:+,--max-old-space-size=$heap}" "$home/app/main.js" "$@" ;;
  *) set -- @TOOL_FLAGS@ "--v8-flags=@V8_FLAGS@" "$home/app/main.js" "$@" ;;
esac
DENO_DIR=$home/runtime-cache DENO_NO_UPDATE_CHECK=1
export DENO_DIR DENO_NO_UPDATE_CHECK
exec "$home/denkeeper" run --quiet --no-prompt --no-config --no-lock --no-npm --no-remote --no-code-cache "$@"
