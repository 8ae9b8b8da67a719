"""Hostile bytes: nothing that arrives on the port stops, blocks or splits the replicas."""
import os
import socket
import ssl
import subprocess

import pytest

from conftest import BALANCE

LIMITS = ("transactions_per_client_max=50",)


@pytest.fixture(autouse=True)
def everybody_lives(cluster):
    """After each test the same processes serve a transaction."""
    pids = [cluster.proxy_pid(replica) for replica in range(4)]
    yield
    with cluster.connect() as conn:
        conn.execute("UPDATE account SET balance = balance WHERE id = 20")
    assert [cluster.proxy_pid(replica) for replica in range(4)] == pids
    for pid in pids:
        os.kill(pid, 0)
    for replica in range(4):
        assert cluster.status(replica)["state"] == "ready"


def addresses(cluster):
    return [("127.0.0.1", cluster.base_port + replica) for replica in range(4)]


def closes(link):
    """The other end closes the link instead of serving it."""
    link.settimeout(20)
    try:
        while link.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.0\r\n\r\n", b"\x00" * 100000, os.urandom(100000),
    b"\x00\x00\x00\x08\x04\xd2\x16\x2f",  # PostgreSQL's SSLRequest
    b"\x16\x03\x01\xff\xff" + b"\x01" * 60000,  # a TLS record that lies about its content
], ids=["http", "zeros", "random", "postgresql", "tls"])
def test_garbage(cluster, garbage):
    for address in addresses(cluster):
        with socket.create_connection(address, timeout=5) as link:
            try:
                link.sendall(garbage)
                link.shutdown(socket.SHUT_WR)
            except OSError:
                continue  # closed already
            assert closes(link)


def test_links_that_say_nothing(cluster):
    links = [socket.create_connection(address) for address in addresses(cluster) for _ in range(100)]
    with cluster.connect() as conn:
        conn.execute("SELECT 1")
    for link in links:
        link.close()


def tls(folder, name, algorithm=("-newkey", "ed25519")):
    """A TLS context with a self-signed certificate around a key that nobody knows."""
    key, certificate = (os.path.join(folder, name + end) for end in (".key", ".crt"))
    subprocess.check_call(["openssl", "req", "-x509", *algorithm, "-nodes", "-keyout", key, "-out",
                           certificate, "-subj", "/CN=x"], stderr=subprocess.DEVNULL)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    return context


def refused(address, context):
    """TLS 1.3 tells the client of a refusal only when it reads."""
    try:
        with socket.create_connection(address, timeout=5) as link:
            with context.wrap_socket(link) as secured:
                secured.settimeout(20)
                secured.sendall(b"\x00\x00\x00\x00\x01")
                return secured.recv(1) == b""
    except ssl.SSLError:
        return True
    except ConnectionError:
        return True


def test_unknown_keys_are_refused(cluster):
    contexts = [tls(cluster.folder, "unknown"),
                tls(cluster.folder, "rsa", ("-newkey", "rsa:2048"))]
    for address in addresses(cluster):
        for context in contexts:
            assert refused(address, context)


def test_a_client_without_certificate_is_refused(cluster):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for address in addresses(cluster):
        assert refused(address, context)


def test_old_tls_is_refused(cluster):
    context = tls(cluster.folder, "old")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for address in addresses(cluster):
        assert refused(address, context)


def test_a_frame_that_announces_four_gigabytes(cluster):
    assert "answers" not in cluster.evil("oversize")


def test_truncated_frames(cluster):
    assert cluster.evil("truncated") == "replica 1: answers\n"


def test_messages_that_no_client_may_send(cluster):
    assert "answers" not in cluster.evil("unknown-types")


def test_garbage_in_well_formed_frames(cluster):
    assert cluster.evil("garbage-bodies").endswith("replica 1: answers\n")


def test_a_wrong_signature_is_dropped(cluster):
    report = cluster.evil("bad-signature")
    assert report.count("begun 00000") == 4


def test_a_replayed_request_is_executed_once(cluster):
    report = cluster.evil("replay", "UPDATE account SET balance = balance + 1 WHERE id = 2")
    assert report.count("committed 00000") == 4
    cluster.wait_same("SELECT balance FROM account WHERE id = 2", str(BALANCE + 1))


def test_the_list_counts_not_what_the_coordinator_was_told(cluster):
    """Figure 3: the coordinator rolls back to its savepoint and executes the client's list."""
    report = cluster.evil("differing-list", "UPDATE account SET balance = balance + 5 WHERE id = 1")
    assert report.count("committed 00000") == 4
    cluster.wait_same("SELECT balance FROM account WHERE id = 1", str(BALANCE + 5))


def test_an_invented_hash_accuses_nobody_for_good(cluster):
    """A client can claim any result; it gets an abort, and the coordinator goes on serving."""
    report = cluster.evil("wrong-hash", "UPDATE account SET balance = balance + 5 WHERE id = 3")
    assert report.count("aborted") == 4 and "committed" not in report
    cluster.wait_same("SELECT balance FROM account WHERE id = 3", str(BALANCE))
    with cluster.connect() as conn:
        conn.begin(1)
        conn.execute("UPDATE account SET balance = balance WHERE id = 3")
        conn.commit()
        assert conn.suspect is None


def test_orders_that_make_no_sense_are_refused(cluster):
    report = cluster.evil("nonsense-orders")
    assert report.count("refused") == 8


def test_a_client_gets_only_so_many_open_transactions(cluster):
    report = cluster.evil("hoard")
    assert report.count("refused 53300") == 4
