"""What keeps the served account safe: who may steer it, and how much anyone may send."""

import http.client
import socket
import urllib.error
from urllib.parse import urlparse

import pytest


def status(sandbox, **headers):
    try:
        sandbox.control("clock", headers=headers)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 200), ({"Origin": "http://elsewhere.example"}, 403), ({"Host": "elsewhere.example"}, 403), ({"Host": "localhost"}, 200)],
)
def test_only_this_machine_steers(sandbox, headers, code):
    assert status(sandbox, **headers) == code


def test_bodies_and_heads_are_bounded(sandbox):
    address = urlparse(sandbox.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    try:
        connection.request("POST", "/", body=b"a" * (5 << 20))
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # the rest of the body was not waited for
    connection.close()
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    connection.request("GET", "/", headers={"x-long": "a" * (128 << 10)})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        assert connection.getresponse().status == 431
        raise http.client.HTTPException
    connection.close()


def test_slow_clients_block_nobody(sandbox):
    address = urlparse(sandbox.url)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(100)]
    for one in slow:
        one.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nAction=")
    assert sandbox.client("ec2").describe_vpcs()["Vpcs"]
    for one in slow:
        one.close()


def test_connections_are_bounded_and_the_next_one_waits(sandbox):
    address = urlparse(sandbox.url)
    where = (address.hostname, address.port)
    asks = f"GET /_sandbox/health HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()

    def answered(connection):
        connection.sendall(asks)
        return b" 200 " in connection.recv(4096)

    sandbox.clients.clear()
    held = []
    try:
        while len(held) < 600:
            one = socket.create_connection(where, timeout=0.5)
            held.append(one)
            if not answered(one):
                break
    except TimeoutError:
        pass
    waiting = held.pop()
    # The other tests' clients may hold some of the 512.
    assert 480 <= len(held) <= 512, len(held)
    held.pop().close()
    waiting.settimeout(10)
    assert b" 200 " in waiting.recv(4096)
    for one in [*held, waiting]:
        one.close()
