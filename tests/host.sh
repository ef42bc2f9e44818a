# What tests/run and packaging/demo need of this host. Sourced by them, at the top of the repository.

# Everything that starts machines, and all that it starts, can neither set the clock nor reboot: no way back.
# Ctrl-C is typed in tests, so it works in there, also where whoever started this has it ignored (nohup).
confined() {
  env --default-signal=HUP,INT,QUIT,TERM \
    setpriv --bounding-set=-sys_time,-sys_boot,-sys_module,-sys_rawio --inh-caps=-all "$@"
}

need_root_and_rust() { # need_root_and_rust WHO
  [ "$(id -u)" = 0 ] || { echo "$1 makes machines, and needs root" >&2; exit 1; }
  command -v cargo >/dev/null || { echo "$1 needs a Rust toolchain" >&2; exit 1; }
}

installed=() # what install_what_is_missing had to install
install_what_is_missing() { # install_what_is_missing PACKAGE...
  local package
  for package; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || installed+=("$package")
  done
  [ ${#installed[@]} = 0 ] && return
  echo "installing ${installed[*]}"
  apt-get update -qq
  # Nothing that is installed is started by that: no service of this host is the tests'. Whatever ends it, what says so
  # is taken away again.
  (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      trap 'exit 130' HUP INT TERM
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${installed[@]}" >/dev/null
  )
}

# Before cargo, which would make it six times as slow. Prints where they are: of both releases of Debian, since
# clients and servers of either meet those of the other.
root_file_system() { for suite in bookworm trixie; do MFA_SUITE=$suite tests/src/image.sh; done; }
