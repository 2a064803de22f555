#!/usr/bin/env bash
# Cross-target set-up (Debian 12, amd64, root).
#
#   setup-targets.sh TARGET...   install, and prepare these targets (idempotent)
#   setup-targets.sh             install, and prepare all targets
#   setup-targets.sh --list      list the targets this script knows
#
# 1. installs Debian's own Rust (packages rustc-web, cargo-web, rust-web-src), cross linkers
#    and QEMU;
# 2. links it into rustup as the toolchain "deb" (`cargo +deb ...`); the default toolchain is
#    not touched;
# 3. compiles core (bare metal) or the whole of std (Linux targets) from the packaged sources,
#    offline, and puts the result where `cargo +deb --target TARGET` finds it.
set -euo pipefail

WORK=${TARGETS_WORK:-${TMPDIR:-/tmp}/setup-targets}
SYSROOT=/usr/lib/rustlib
NICE="nice -n 10"

BARE="thumbv7em-none-eabihf"
HOSTED="aarch64-unknown-linux-gnu"
ALL="$BARE $HOSTED"

PACKAGES="rustc-web cargo-web rust-web-src lld-22 gcc libc6-dev
 qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"

say() { printf '== %s\n' "$*"; }

install_packages() {
  local missing="" p
  for p in $PACKAGES; do
    dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing="$missing $p"
  done
  [ -z "$missing" ] && { say "packages: all present"; return; }
  say "packages: installing$missing"
  apt-get update -qq || true
  DEBIAN_FRONTEND=noninteractive $NICE apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

link_toolchain() {
  rustup toolchain list 2>/dev/null | grep -q '^deb\b' || rustup toolchain link deb /usr
  say "toolchain deb: $(/usr/bin/rustc --version)"
}

is_hosted() { case " $HOSTED " in *" $1 "*) return 0;; *) return 1;; esac; }

prepare_target() {
  local t=$1 crates opt lib stamp want
  lib=$SYSROOT/$t/lib
  stamp=$SYSROOT/$t/.built-for
  want="recipe-2 $(/usr/bin/rustc -vV | sed -n 's/^commit-hash: //p;s/^release: //p' | tr '\n' ' ')"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then say "$t: ready"; return; fi
  # Hosted targets only ever run tests under QEMU: compile std fast, not to be fast.
  if is_hosted "$t"; then crates=std,panic_unwind,panic_abort,proc_macro,test opt=1; else crates=core,alloc opt=3; fi
  say "$t: compiling $crates"
  mkdir -p "$WORK/sysroot/src"
  printf '[package]\nname="empty"\nversion="0.0.0"\nedition="2021"\n[workspace]\n[profile.release]\nopt-level=%s\ndebug=false\n' "$opt" >"$WORK/sysroot/Cargo.toml"
  echo '#![no_std]' >"$WORK/sysroot/src/lib.rs"
  # panic_abort must itself be compiled with panic=abort, or hosted programs with
  # that profile are refused. (rustc's own build does the same.)
  cat >"$WORK/rustc-wrapper" <<'EOF'
#!/bin/sh
case " $* " in *" --crate-name panic_abort "*) exec "$@" -C panic=abort ;; esac
exec "$@"
EOF
  chmod +x "$WORK/rustc-wrapper"
  # The packaged source tree carries the dependencies of std (library/vendor),
  # so this needs no registry.
  ( cd "$WORK/sysroot" && rm -rf "target/$t" &&
    # embed-bitcode: without it `lto = true` fails ("Can't find section .llvmbc").
    env -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS -u CARGO_TARGET_DIR RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTFLAGS="-C embed-bitcode=yes" RUSTC_WRAPPER="$WORK/rustc-wrapper" \
    $NICE /usr/bin/cargo build --quiet --release --offline --target "$t" -Z build-std=$crates \
      --config 'source.crates-io.replace-with="packaged"' \
      --config "source.packaged.directory=\"$SYSROOT/src/rust/library/vendor\"" )
  rm -rf "$lib"; mkdir -p "$lib"
  find "$WORK/sysroot/target/$t/release/deps" -name 'lib*.rlib' ! -name 'libempty-*' -exec cp {} "$lib/" \;
  rm -rf "$WORK/sysroot/target/$t"
  echo "$want" >"$stamp"
}

main() {
  local t
  case ${1:-} in
    --list) echo $ALL ;;
    -h|--help) sed -n '2,/^set /p' "${BASH_SOURCE[0]}" | sed '$d;s/^# \{0,1\}//' ;;
    *)
      install_packages
      link_toolchain
      for t in ${*:-$ALL}; do prepare_target "$t"; done ;;
  esac
}

[ "${BASH_SOURCE[0]}" != "$0" ] || main "$@"
