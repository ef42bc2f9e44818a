# A disposable machine, from the inside of its new namespaces: `machine.sh ROOT NAME DISK INIT [SOURCE=TARGET...]`.
#
# Becomes process 1 of the machine over ROOT, with what it writes in the folder DISK, or in memory where that is
# empty. Into it each SOURCE is bound read-only. Says `pid N` (as the outside counts) and then `ready`.
#
# With INIT `idle` it lives for as long as its standard input does: when whoever started it closes that, or dies,
# the kernel ends everything in here with it. With INIT `systemd` it becomes systemd once it is ready, and
# booted.sh, outside, ends it. Nothing outside is ever written.
set -eu
read -r outside _ </proc/self/stat # this /proc is still the one of the outside
echo "pid $outside"
root=$1 name=$2 disk=$3 init=$4
shift 4

if [ -n "$disk" ]; then mount --bind "$disk" /mnt; else mount -t tmpfs -o size=1g,mode=755 machine /mnt; fi
mkdir -p /mnt/upper /mnt/scratch /mnt/m # they are there when it boots again
mount -t overlay overlay -o lowerdir="$root",upperdir=/mnt/upper,workdir=/mnt/scratch /mnt/m
cd /mnt/m

# The kernel's own switches reach the whole host from here, so they are covered before anything can run.
mount -t proc -o nosuid,nodev,noexec proc proc
mount --bind -o ro proc/sys proc/sys
[ ! -e proc/sysrq-trigger ] || mount --bind -o ro /dev/null proc/sysrq-trigger
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys

[ "$init" != systemd ] || mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup # of its own group alone

mount -t tmpfs -o mode=755,nosuid tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/sshd

for pair in "$@"; do
  target=${pair#*=}
  mkdir -p "./${target%/*}"
  : >"./$target"
  mount --bind -o ro "${pair%%=*}" "./$target"
done

hostname "$name"
echo "$name" >etc/hostname
echo "127.0.1.1 $name" >>etc/hosts # sudo looks its own host up
ip link set lo up

mkdir -p .outside
pivot_root . .outside
exec chroot . /bin/bash -euc '
  cd /
  umount -l /.outside
  rmdir /.outside
  if [ "$1" = systemd ]; then
    mount --make-rshared / # or units get no credentials, and are told nothing of it
    echo ready
    exec env -i container=machine PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
      /sbin/init --show-status=0 --log-target=journal >/dev/null 2>&1
  fi
  echo ready
  while read -r _; do :; done
  exit 0
' bash "$init"
