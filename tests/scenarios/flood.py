# Speaks to the system bus as its own user: what an attacker may put into a message, and how often.
#
#   flood.py SECONDS FILE...   sends the call in each FILE and prints its answer, `FILE ANSWER`; then all of them in
#                              turn, 200 a second, and prints how many answers of each kind came: `ANSWER: COUNT`
#
# An answer is `ok`, or the name of an error. With a call in a file whose name ends in `fd` goes a descriptor; the
# first file has the bus's own `Hello`.
import collections, os, socket, struct, sys, time

bus = socket.socket(socket.AF_UNIX)
bus.connect('/run/dbus/system_bus_socket')
bus.sendall(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\nNEGOTIATE_UNIX_FD\r\n')
said = b''
while said.count(b'\r\n') < 2:
    said += bus.recv(1)
assert b'OK ' in said and b'AGREE_UNIX_FD' in said, said
bus.sendall(b'BEGIN\r\n')
null, serial, unread = os.open('/dev/null', os.O_RDONLY), 0, b''

def send(call, brings_fd=False):
    global serial
    serial += 1
    call = call[:8] + struct.pack('<I', serial) + call[12:]
    sent = socket.send_fds(bus, [call], [null]) if brings_fd else bus.send(call)
    bus.sendall(call[sent:])
    return serial

def fields(header):
    at, found = 0, {}
    while at < len(header):
        at = (at + 7) & ~7
        code, kind = header[at], header[at + 2:at + 3]
        at = (at + 4 + 3) & ~3 if kind != b'g' else at + 4
        if kind == b'g':
            at += header[at] + 2
        else:
            number = struct.unpack_from('<I', header, at)[0]
            found[code] = number if kind == b'u' else header[at + 4:at + 4 + number].decode()
            at += 4 if kind == b'u' else number + 5
    return found

def answers():
    """All that have come by now, as (serial of the call, answer)."""
    global unread
    while len(unread) >= 16:
        body, _, length = struct.unpack_from('<III', unread, 4)
        whole = 16 + ((length + 7) & ~7) + body
        if len(unread) < whole:
            break
        header, kind = fields(unread[16:16 + length]), unread[1]
        unread = unread[whole:]
        if kind in (2, 3):
            yield header[5], 'ok' if kind == 2 else header[4]

def wait(until):
    """Reads until then."""
    global unread
    bus.settimeout(max(0.001, until - time.monotonic()))
    try:
        came = bus.recv(65536)
    except TimeoutError:
        came = None
    bus.settimeout(None)
    assert came != b'', 'the bus hung up'
    unread += came or b''

def ask(call, brings_fd=False):
    asked, until = send(call, brings_fd), time.monotonic() + 10
    while time.monotonic() < until:
        for to, answer in answers():
            if to == asked:
                return answer
        wait(until)
    return 'none'

hello, *calls = [(name, open(name, 'rb').read()) for name in sys.argv[2:]]
assert ask(hello[1]) == 'ok'
for name, call in calls:
    print(name, ask(call, name.endswith('fd')), flush=True)
came, begins, sent = collections.Counter(), time.monotonic(), 0
end = begins + float(sys.argv[1])
print('flooding', flush=True)
while time.monotonic() < end + 2:
    while time.monotonic() < end and sent < (time.monotonic() - begins) * 200:
        name, call = calls[sent % len(calls)]
        send(call, name.endswith('fd'))
        sent += 1
    wait(time.monotonic() + 0.005)
    came.update(answer for _, answer in answers())
print('sent:', sent, flush=True)
for answer, count in came.items():
    print(f'{answer}: {count}', flush=True)
