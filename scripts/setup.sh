#!/usr/bin/env bash
# `npm run setup`: installs what is missing to run and test Stemkeeper here. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif has sudo; then sudo "$@"
  else die "Redis is missing and installing it needs root: run \`$*\` as root, or set REDIS_URL"
  fi
}

install_packages() {
  say "npm ci"
  # error: Node 24 is among what gets installed, so warnings about the Node that runs npm say nothing
  npm ci --no-audit --no-fund --loglevel=error
  local version
  version=$(node_modules/.bin/node --version 2>/dev/null) || version=none
  case $version in
    v24.*) say "Node $version for all npm scripts" ;;
    *) die "node_modules/.bin/node is $version, not v24: let npm run the install script of the package \`node\` (no --ignore-scripts), then run this again" ;;
  esac
}

redis_is_there() {
  if [ -n "${REDIS_URL:-}" ]; then say "Redis: the one of REDIS_URL"
  elif has redis-server; then say "Redis: $(command -v redis-server)"
  elif has valkey-server; then say "Redis: $(command -v valkey-server)"
  elif has docker && docker info >/dev/null 2>&1; then say "Redis: by the Docker engine that runs here"
  else return 1
  fi
}

install_redis() {
  say "Redis is missing: installing it"
  if has apt-get; then apt_install redis-server
  elif has dnf; then as_root dnf install -y -q redis || as_root dnf install -y -q valkey
  elif has apk; then as_root apk add --quiet redis
  elif has pacman; then as_root pacman -S --noconfirm --quiet --needed valkey
  elif has brew; then brew install --quiet redis
  else die "no package manager known here: install Redis 7 or newer, or set REDIS_URL"
  fi
}

apt_install() {
  # The package starts a service of its own. Nobody asked for one: npm start and the tests run private servers.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  local install=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$1")
  apt-cache show "$1" >/dev/null 2>&1 || as_root apt-get -qq update
  # Lists that are old lead to packages that are gone.
  "${install[@]}" >/dev/null 2>&1 || { as_root apt-get -qq update && "${install[@]}" >/dev/null; }
  if [ -d /run/systemd/system ]; then as_root systemctl --quiet disable "$1" || true; fi
}

install_packages
if ! redis_is_there; then
  install_redis || die "Redis could not be installed: install Redis 7 or newer, or set REDIS_URL"
  redis_is_there || die "Redis was installed, yet neither redis-server nor valkey-server is in PATH"
fi
say "done. Next: npm start, or npm test"
