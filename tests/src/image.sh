#!/bin/bash
# The root file system of every machine: prints its path, and builds it first where it is missing (half a minute).
#
#   image.sh            MFA_SUITE=trixie for another Debian than bookworm
#
# It is kept in the user's cache folder under a hash of all that decides what is in it, this file included,
# so a change of the package list makes a new one. Machines mount it read-only under an overlay.
set -euo pipefail

suite=${MFA_SUITE:-bookworm}
packages=(
  openssh-server openssh-client sudo login passwd cron            # the hosts of PAM that people have
  libpam-modules libpam-google-authenticator libpam-oath pamtester # the peers, and a host of no habits
  dbus util-linux bsdutils mount procps iproute2                  # what a machine is run with
  systemd-sysv libpam-systemd debconf rpm                         # what a machine boots with, and its packages ask by
  oathtool strace faketime libfaketime sqlite3 fail2ban nscd # what looks at it
)

packages+=(rsync git ansible-core)                                 # what people come with, over ssh

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/mfad-tests
key=$({ echo "$suite ${packages[*]}"; cat "$0"; } | sha256sum | cut -c1-16)
root=$cache/$suite-$key
[ -e "$root/.complete" ] && { echo "$root"; exit 0; }

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -e "$root/.complete" ] && { echo "$root"; exit 0; }

echo "building the machines' root file system ($suite), once" >&2
rm -rf "$root" "$root.part"
temporary=$(mktemp -d /dev/shm/mfad-image.XXXXXX)   # three times as fast as a disk
trap 'rm -rf "$temporary" "$root.part"' EXIT

included=$(IFS=,; echo "${packages[*]}")
TMPDIR=$temporary mmdebstrap --quiet --variant=apt --include="$included" "$suite" "$temporary/root.tar" >&2
mkdir "$root.part"
tar -xf "$temporary/root.tar" -C "$root.part"

inside() { chroot "$root.part" "$@"; }
inside useradd --system --user-group --no-create-home --home-dir /var/lib/mfad --shell /usr/sbin/nologin mfad
inside ssh-keygen -A >&2
# A machine that boots begins what its test asks for, and nothing that waits for a network, a clock or a terminal.
inside systemctl --quiet disable ssh cron fail2ban nscd getty@tty1 >&2
inside systemctl --quiet mask systemd-timesyncd apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
  e2scrub_all.timer systemd-sysctl systemd-modules-load systemd-udevd getty.target >&2
# What Debian's packages set up is kept beside, for machines that want it: a machine writes its own.
mkdir "$root.part/usr/share/pam-as-shipped"
cp -a "$root.part/etc/pam.d/." "$root.part/usr/share/pam-as-shipped/"
printf 'Defaults lecture=never\nALL ALL=(ALL:ALL) ALL\n' >"$root.part/etc/sudoers.d/machine"
chmod 0440 "$root.part/etc/sudoers.d/machine"
printf '127.0.0.1 localhost\n' >"$root.part/etc/hosts"
: >"$root.part/etc/resolv.conf"
: >"$root.part/etc/motd"

touch "$root.part/.complete"
mv "$root.part" "$root"
echo "$root"
