# What a process may do, told by one that tries: a line `granted WHAT` or `refused WHAT: WHY` each.
#
#   sandbox.sh FOLDER   where FOLDER is the one that it may write to
#
# Run by the unit of mfad beside its daemon, it tells of the unit; run by root, that the tries can succeed.
folder=$1
try() { # try WHAT COMMAND...
  what=$1
  shift
  if said=$("$@" 2>&1); then echo "granted $what"; else echo "refused $what: $(echo "$said" | tail -n 1)"; fi
}
inet() { perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die "$!\n"'; }
netlink() { perl -MSocket -e 'socket(my $s, 16, SOCK_RAW, 0) or die "$!\n"'; }
set_user_id() { cp /bin/true "$folder/raised" && chmod 4755 "$folder/raised"; }
run_a_copy() { cp /bin/true "$folder/copy" && "$folder/copy"; }
dump_core() { (ulimit -c unlimited); }

try "writing its folder" touch "$folder/written"
try "asking the system bus" dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
try "writing to syslog" logger -p authpriv.info "a line from the sandbox"
try "asking for a user by name" getent passwd root
try "writing /usr" touch /usr/written
try "writing /etc" touch /etc/written
try "writing /var" touch /var/written
try "looking into homes" sh -c 'test -n "$(ls -A /home)"'
try "seeing other processes" test -e /proc/1/status
try "opening a socket of the internet" inet
try "opening a socket of the network's settings" netlink
try "tracing a process" strace -o /dev/null true
try "making a user namespace" unshare --user true
try "making a mount namespace" unshare --mount true
try "mounting" mount -t tmpfs none /tmp
try "running in real time" chrt --fifo 1 true
try "making a program that changes its user" set_user_id
try "running a program of its folder" run_a_copy
try "leaving a core file" dump_core
rm -f "$folder/written" "$folder/raised" "$folder/copy" /usr/written /etc/written /var/written 2>/dev/null
true
