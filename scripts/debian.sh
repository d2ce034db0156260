#!/usr/bin/env bash
# Install what tests use of Debian's packages, where it is missing and this user may: Chromium, promtool, a Korean font.
# Where it may not, nothing fails here: the tests that need them are skipped and say so.
set -euo pipefail

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v promtool >/dev/null || missing+=(prometheus)
fc-list 2>/dev/null | grep -q -i cjk || missing+=(fontconfig fonts-noto-cjk)
[[ ${#missing[@]} -gt 0 ]] || exit 0

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "debian: ${missing[*]} missing; as root: apt-get install ${missing[*]} (until then their tests are skipped)"
  exit 0
fi
echo "debian: installing ${missing[*]}"
# RUNLEVEL=1: the package of promtool also brings a server, which is not to be started.
export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1 ||
  echo "debian: that did not work; the tests that need them are skipped"
