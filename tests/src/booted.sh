# The outside of a machine that boots: `booted.sh NAME COMMAND...`, where COMMAND makes its namespaces and process 1.
#
# systemd needs a control group of its own to begin with, and reads no lifeline, so both are here: when this one's
# standard input ends, the machine is killed, and nothing of its groups is left.
set -eu
name=$1
shift
groups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$groups" ] || { echo "machines that boot need a cgroup2 file system mounted on this host" >&2; exit 1; }
group=$groups/$name
mkdir "$group"
(
  echo "$BASHPID" >"$group/cgroup.procs"
  exec "$@" </dev/null
) &
machine=$!
while read -r _; do :; done
exec 3>&2 2>/dev/null # bash tells of whatever a signal ends
first=$(cat "/proc/$machine/task/$machine/children") || true
first=${first%% *}
kill -KILL "$machine" || true
wait "$machine" || true
# The kernel needs a moment for the last of them.
for _ in {1..500}; do
  find "$group" -depth -type d -exec rmdir {} + || true
  [ -e "$group" ] || [ -e "/proc/${first:-gone}" ] || exit 0
  sleep 0.02
done
echo "$group is still in use" >&3
exit 1
