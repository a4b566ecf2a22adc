"""What keeps the served account safe: who may steer it, and how much anyone may send."""

import http.client
import re
import socket
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
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
    [
        ({}, 200), ({"Host": "localhost"}, 200), ({"Host": "[::1]:4566"}, 200),
        ({"Host": "elsewhere.example"}, 403), ({"Host": "localhost.evil"}, 403), ({"Host": "127.0.0.1.evil"}, 403), ({"Host": ""}, 403),
        ({"Origin": "http://elsewhere.example"}, 403), ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)  # fmt: skip
def test_only_this_machine_steers(sandbox, headers, code):
    assert status(sandbox, **headers) == code


def talk(sandbox, sent, half=False):
    """Everything that comes back for some bytes, until the connection closes or nothing comes for two seconds."""
    address = urlparse(sandbox.url)
    told = b""
    with socket.create_connection((address.hostname, address.port), timeout=2) as connection:
        connection.sendall(sent)
        if half:
            connection.shutdown(socket.SHUT_WR)
        try:
            while more := connection.recv(65536):
                told += more
        except (TimeoutError, ConnectionResetError):
            pass
    return told


def asks(*headers, body=b"{}", host="127.0.0.1", target="/"):
    """A call of DescribeParameters, signed as far as the sandbox looks."""
    scope = "AWS4-HMAC-SHA256 Credential=any/20261124/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0"
    head = [f"POST {target} HTTP/1.1", f"Host: {host}", "X-Amz-Target: AmazonSSM.DescribeParameters", f"Authorization: {scope}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


LENGTH = "Content-Length: 2"
CHUNKED = "Transfer-Encoding: chunked"
CLOSE = "Connection: close"


def statuses(told):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", told)]


def test_names_that_come_twice_do_not_steer(sandbox):
    for lines in ("Host: 127.0.0.1\r\nHost: evil.example", "Host: evil.example\r\nHost: 127.0.0.1", "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nOrigin: null"):
        assert statuses(talk(sandbox, f"GET /_sandbox/clock HTTP/1.1\r\n{lines}\r\n{CLOSE}\r\n\r\n".encode())) == [403], lines
    assert statuses(talk(sandbox, f"GET http://evil.example/_sandbox/clock HTTP/1.1\r\nHost: 127.0.0.1\r\n{CLOSE}\r\n\r\n".encode())) == [403]
    assert b" 403 " in talk(sandbox, b"GET /_sandbox/clock HTTP/1.0\r\n\r\n")


def test_a_page_of_elsewhere_calls_nothing(sandbox):
    assert statuses(talk(sandbox, asks(LENGTH, CLOSE))) == [200]
    assert statuses(talk(sandbox, asks(LENGTH, CLOSE, "Origin: http://evil.example"))) == [403]
    assert statuses(talk(sandbox, asks(LENGTH, CLOSE, "Origin: http://evil.example", host="evil.example"))) == [403]
    assert statuses(talk(sandbox, asks(LENGTH, CLOSE, "Sec-Fetch-Site: same-origin", host="evil.example"))) == [403]


def test_no_request_hides_in_another(sandbox):
    hidden = b"GET /_sandbox/clock HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    # With both, the length counts for nothing, and nothing after the body is read (RFC 9112, 6.3).
    assert statuses(talk(sandbox, asks(f"Content-Length: {len(hidden) + 7}", CHUNKED, body=b"0\r\n\r\n" + hidden))) == [200]
    assert statuses(talk(sandbox, asks(CHUNKED, LENGTH, body=b"2\r\n{}\r\n0\r\n\r\n" + hidden))) == [200]
    for lengths in (["Content-Length: 2", "Content-Length: 3"], ["Content-Length: 2, 2"], ["Content-Length: +2"], ["Content-Length: -1"], ["Content-Length : 2"]):
        assert statuses(talk(sandbox, asks(*lengths) + hidden)) == [400], lengths
    for coding in ("xchunked", "chunked, identity", "chunked\r\nTransfer-Encoding: identity"):
        assert statuses(talk(sandbox, asks(f"Transfer-Encoding: {coding}", body=b"0\r\n\r\n" + hidden))) == [400], coding
    for chunks in (b"zz\r\n{}", b"ffffffffffffffffff\r\n{}", b"-2\r\n{}"):
        assert statuses(talk(sandbox, asks(CHUNKED, body=chunks + b"\r\n0\r\n\r\n" + hidden))) == [], chunks


def test_bodies_come_in_every_way(sandbox):
    assert statuses(talk(sandbox, asks(CHUNKED, CLOSE, body=b"1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n"))) == [200]
    assert statuses(talk(sandbox, asks(LENGTH, CLOSE, "Expect: 100-continue"))) == [100, 200]
    assert statuses(talk(sandbox, asks(f"Content-Length: {1 << 40}", CLOSE, "Expect: 100-continue", body=b""))) == [413]
    assert statuses(talk(sandbox, asks(LENGTH) * 20 + asks(LENGTH, CLOSE))) == [200] * 21
    assert statuses(talk(sandbox, asks(LENGTH), half=True)) == [200]
    assert statuses(talk(sandbox, asks("Content-Length: 9", body=b"{"), half=True)) == []


def test_bodies_and_heads_are_bounded(sandbox):
    address = urlparse(sandbox.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    try:
        connection.request("POST", "/", body=b"a" * (5 << 20))
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # the rest of the body was not waited for
    connection.close()


def test_a_head_has_64_kib(sandbox):
    bare = len(asks(LENGTH, CLOSE, "X-Long: ", body=b""))
    fits = (64 << 10) - bare
    for length, status in ((fits, 200), (fits + 1, 431), (100_000 - bare, 431), (128 << 10, 431), (1 << 20, 431)):
        try:
            told = talk(sandbox, asks(LENGTH, CLOSE, "X-Long: " + "a" * length))
        except (BrokenPipeError, ConnectionResetError):
            assert length == 1 << 20, "the rest of the head was not waited for"
            continue
        assert statuses(told) == [status] or (told == b"" and length == 1 << 20), length


def test_slow_clients_block_nobody(sandbox):
    address = urlparse(sandbox.url)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(100)]
    for one in slow:
        one.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nAction=")
    for _ in range(100):
        slow.append(socket.create_connection((address.hostname, address.port)))
        slow[-1].sendall(b"POST / HTTP/1.1\r\nHost: loc")
    # These ask and read nothing.
    many = f"GET /_sandbox/calls HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode() * 2000
    for _ in range(10):
        slow.append(socket.create_connection((address.hostname, address.port)))
        slow[-1].setblocking(False)
        slow[-1].send(many)
    assert sandbox.client("ec2").describe_vpcs()["Vpcs"]
    for one in slow:
        one.close()


def test_time_that_is_skipped_blocks_nobody(sandbox, ec2, autoscaling):
    image = ec2.describe_images(Owners=["amazon"], MaxResults=5)["Images"][0]["ImageId"]
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "m7i.large"})
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="web", MinSize=1, MaxSize=2, AvailabilityZones=["eu-west-1a"], LaunchTemplate={"LaunchTemplateName": "web"}
    )
    sandbox.advance("5m")
    # Launches that fail are tried again every five minutes for as long as the group has an instance.
    sandbox.control("faults", {"no-capacity": [{"instance-type": "*"}]})
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    begin, seen = sandbox.control("clock")["now"], []
    with ThreadPoolExecutor(1) as other:
        skipped = other.submit(sandbox.advance, "90d")
        while not skipped.done():
            newest = autoscaling.describe_scaling_activities(AutoScalingGroupName="web", MaxRecords=1)["Activities"][0]
            seen.append((sandbox.control("clock")["now"], newest["StatusCode"]))
    end = sandbox.control("clock")["now"]
    assert skipped.result() == end
    assert len({now for now, status in seen if begin < now < end and status == "Failed"}) > 2, seen
    assert seen == sorted(seen, key=lambda one: one[0]), "time runs back"


def test_the_connection_that_waits_longest_makes_room(sandbox):
    address = urlparse(sandbox.url)
    asks = f"GET /_sandbox/health HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    held = []

    def answered():
        held.append(socket.create_connection((address.hostname, address.port), timeout=10))
        held[-1].sendall(asks)
        return b" 200 " in held[-1].recv(4096)

    def is_closed(connection):
        connection.setblocking(False)
        try:
            return connection.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True

    sandbox.clients.clear()
    assert all(answered() for _ in range(600))
    closed = [is_closed(one) for one in held]
    # 512 stay; what other tests' clients held has left before.
    assert 80 <= sum(closed) <= 100, sum(closed)
    assert closed == sorted(closed, reverse=True)
    for one in held:
        one.close()


def test_slow_clients_take_no_place_for_good(sandbox):
    address = urlparse(sandbox.url)
    slow = []
    for _ in range(600):
        slow.append(socket.create_connection((address.hostname, address.port)))
        slow[-1].sendall(b"POST / HTTP/1.1\r\nHost: loc")
    begun = time.monotonic()
    assert sandbox.client("ec2").describe_vpcs()["Vpcs"]
    assert time.monotonic() - begun < 20
    for one in slow:
        one.close()
