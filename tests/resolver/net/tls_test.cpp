#include "resolver/net/tls.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include "resolver/net/certificate_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_certificate.h"

namespace cenote::tls_test {
namespace {

using test::CertificateFiles;
using test::make_certificate;

const SocketAddress kServerAddress = *SocketAddress::from_text("192.0.2.1:443");
const SocketAddress kClientAddress = *SocketAddress::from_text("198.51.100.7:50000");

std::string read_all(TlsSession& session) {
  std::string text;
  std::array<uint8_t, TlsSession::kMaxRecord> plain{};
  while (const size_t size = session.read(plain)) {
    text += as_text(Bytes(plain).first(size));
  }
  return text;
}

// Moves cipher text from one to the other in pieces of `piece` bytes; returns what came out as plain text.
std::string carry(TlsSession& from, TlsSession& to, size_t piece) {
  std::string plain;
  const Bytes output = from.output();
  const std::vector<uint8_t> bytes(output.begin(), output.end());
  from.clear_output();
  for (size_t at = 0; at < bytes.size(); at += piece) {
    to.receive(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    plain += read_all(to);
  }
  return plain;
}

struct Talk {
  std::unique_ptr<TlsSession> client;
  std::unique_ptr<TlsSession> server;
  std::string to_client;
  std::string to_server;

  Talk(const TlsContext& client_context, const TlsContext& server_context, size_t piece = 100000)
      : client(client_context.connect()), server(server_context.accept(kServerAddress, kClientAddress)) {
    to_client = read_all(*client);
    run(piece);
  }
  // `first` happens before a byte has moved.
  Talk(const TlsContext& client_context, const TlsContext& server_context, void (*first)(TlsSession&))
      : client(client_context.connect()), server(server_context.accept(kServerAddress, kClientAddress)) {
    first(*client);
    to_client = read_all(*client);
    run();
  }
  void run(size_t piece = 100000) {
    while (!client->output().empty() || !server->output().empty()) {
      to_server += carry(*client, *server, piece);
      to_client += carry(*server, *client, piece);
    }
  }
};

struct Fixture {
  test::TestCertificate certificate = make_certificate("DNS:server.example.test,IP:192.0.2.1");
  CertificateFiles files{certificate};

  TlsContext server(const std::vector<std::string>& alpn = {"h2", "http/1.1"}) const {
    auto made = TlsContext::server(files.certificate(), files.key(), alpn);
    REQUIRE(made);
    return std::move(*made);
  }
  TlsContext client(const TlsClientTrust& trust) const {
    auto made = TlsContext::client(trust);
    REQUIRE(made);
    return std::move(*made);
  }
  TlsClientTrust trusted(const std::string& host) const { return {files.certificate(), host, {}, {}}; }
};

TEST_CASE_METHOD(Fixture, "a handshake succeeds however its bytes are split", "[net][tls]") {
  const size_t piece = GENERATE(as<size_t>{}, 1, 7, 100, 100000);
  TlsClientTrust trust = trusted("server.example.test");
  trust.alpn = {"http/1.1", "h2"};
  const auto client_context = client(trust);
  const auto server_context = server();
  Talk talk(client_context, server_context, piece);
  REQUIRE(talk.client->failure().empty());
  REQUIRE(talk.client->is_open());
  REQUIRE(talk.server->is_open());
  CHECK(talk.server->server_name() == "server.example.test");
  CHECK(talk.server->alpn() == "h2");  // the server's order of preference
  CHECK(talk.client->alpn() == "h2");

  const std::string large(100000, 'x');
  talk.client->send(as_bytes("question"));
  talk.server->send(as_bytes(large));
  talk.run(piece);
  CHECK(talk.to_server == "question");
  CHECK(talk.to_client == large);

  talk.client->close();
  talk.run(piece);
  CHECK(talk.server->is_closed_by_peer());
  CHECK_FALSE(talk.server->is_failed());
}

TEST_CASE_METHOD(Fixture, "what is sent before the handshake arrives after it", "[net][tls]") {
  const auto client_context = client(trusted("server.example.test"));
  const auto server_context = server();
  Talk talk(client_context, server_context, [](TlsSession& session) {
    session.send(as_bytes("early"));
    CHECK(session.kept_bytes() == 5);
  });
  CHECK(talk.to_server == "early");
  CHECK(talk.client->kept_bytes() == 0);
}

TEST_CASE_METHOD(Fixture, "the peer is verified by name, address or pin", "[net][tls]") {
  const std::string pin = certificate.spki_pin();
  const std::string other_pin = make_certificate("DNS:x.example.test").spki_pin();
  struct Row {
    const char* what;
    TlsClientTrust trust;
    bool trusted;
  };
  const Row rows[] = {
      {"right name", trusted("server.example.test"), true},
      {"right address", trusted("192.0.2.1"), true},
      {"wrong name", trusted("other.example.test"), false},
      {"wrong address", trusted("192.0.2.2"), false},
      {"unknown authority", {"", "server.example.test", {}, {}}, false},
      {"right pin, no name", {"", "", {pin}, {}}, true},
      {"right pin, wrong name", {"", "other.example.test", {pin}, {}}, true},
      {"one of two pins", {"", "", {other_pin, pin}, {}}, true},
      {"wrong pin, right name", {files.certificate(), "server.example.test", {other_pin}, {}}, false},
  };
  const auto server_context = server();
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto client_context = client(row.trust);
    const Talk talk(client_context, server_context);
    CHECK(talk.client->is_open() == row.trusted);
    CHECK(talk.client->is_failed() == !row.trusted);
    CHECK(talk.client->failure().empty() == row.trusted);
    CHECK(talk.server->is_failed() == !row.trusted);  // it was sent the alert
  }
  CHECK_FALSE(TlsContext::client({}));
}

TEST_CASE_METHOD(Fixture, "a second connection resumes the first, and each ticket is used once",
                 "[net][tls]") {
  const auto client_context = client(trusted("server.example.test"));
  const auto server_context = server();
  const Talk first(client_context, server_context);
  CHECK_FALSE(first.client->is_resumed());
  const Talk second(client_context, server_context);
  CHECK(second.client->is_open());
  CHECK(second.client->is_resumed());
  const auto unfinished = client_context.connect();  // took the ticket
  const Talk third(client_context, server_context);
  CHECK(third.client->is_open());
  CHECK_FALSE(third.client->is_resumed());
}

TEST_CASE_METHOD(Fixture, "contexts that share their ticket keys resume each other's sessions",
                 "[net][tls]") {
  const auto tickets = std::make_shared<TicketKeys>();
  const auto client_context = client(trusted("server.example.test"));
  const auto one = TlsContext::server(files.certificate(), files.key(), {"dot"}, tickets);
  const auto other = TlsContext::server(files.certificate(), files.key(), {"dot"}, tickets);
  const auto stranger = TlsContext::server(files.certificate(), files.key(), {"dot"});
  REQUIRE((one && other && stranger));
  const Talk first(client_context, *one);
  CHECK(Talk(client_context, *other).client->is_resumed());
  const Talk strange(client_context, *stranger);
  CHECK(strange.client->is_open());
  CHECK_FALSE(strange.client->is_resumed());
}

TEST_CASE_METHOD(Fixture, "a ticket outlives a reload of the certificate", "[net][tls]") {
  const auto client_context = client(trusted("server.example.test"));
  auto server_context = server();
  const Talk first(client_context, server_context);
  REQUIRE(server_context.reload(files.certificate(), files.key(), {}));
  CHECK(Talk(client_context, server_context).client->is_resumed());
}

TEST_CASE_METHOD(Fixture, "no protocol in common ends the handshake", "[net][tls]") {
  TlsClientTrust trust = trusted("server.example.test");
  trust.alpn = {"dot"};
  const auto client_context = client(trust);
  const auto server_context = server();
  const Talk talk(client_context, server_context);
  CHECK(talk.client->is_failed());
  CHECK(talk.server->is_failed());
}

// A TLS 1.3 client that changes keys as it is told, which TlsSession never does.
class KeyChanger {
 public:
  KeyChanger() : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_)) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_connect_state(ssl_);
  }
  ~KeyChanger() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  KeyChanger(const KeyChanger&) = delete;
  KeyChanger& operator=(const KeyChanger&) = delete;

  void shake_hands(TlsSession& server) {
    for (int i = 0; i < 5; ++i) {
      SSL_do_handshake(ssl_);
      give(server);
      static_cast<void>(read_all(server));
      take(server);
    }
    REQUIRE(SSL_is_init_finished(ssl_));
  }
  void change_keys(int times) {
    for (int i = 0; i < times; ++i) {
      REQUIRE(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) == 1);
      SSL_do_handshake(ssl_);
    }
  }
  void write(std::string_view text) {
    size_t size = 0;
    REQUIRE(SSL_write_ex(ssl_, text.data(), text.size(), &size) == 1);
  }
  void give(TlsSession& server) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out_, &bytes);
    server.receive({reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size)});
    BIO_reset(out_);
  }
  void take(TlsSession& server) {
    const Bytes output = server.output();
    BIO_write(in_, output.data(), static_cast<int>(output.size()));
    server.clear_output();
  }

 private:
  SSL_CTX* context_;
  SSL* ssl_;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

TEST_CASE_METHOD(Fixture, "a peer that only changes keys is cut", "[net][tls]") {
  const TlsContext context = server();
  const auto session = context.accept(kServerAddress, kClientAddress);
  KeyChanger client;
  client.shake_hands(*session);
  client.change_keys(3);
  client.write("ping");
  client.give(*session);
  CHECK(read_all(*session) == "ping");  // a few are normal
  client.take(*session);
  client.change_keys(2000);
  client.give(*session);
  CHECK(read_all(*session).empty());
  CHECK(session->is_failed());
  CHECK(session->failure() == "too many handshake messages after the handshake");
  CHECK(session->output().size() < 2000);  // it has answered few of them
}

TEST_CASE_METHOD(Fixture, "data that follows a change of keys in one piece is read", "[net][tls]") {
  const TlsContext context = server();
  const auto session = context.accept(kServerAddress, kClientAddress);
  KeyChanger client;
  client.shake_hands(*session);
  client.write("one");
  client.change_keys(1);
  client.write("two");
  client.change_keys(1);
  client.write("three");
  client.give(*session);
  CHECK(read_all(*session) == "onetwothree");
}

TEST_CASE_METHOD(Fixture, "garbage fails the session and leaves the next one well", "[net][tls]") {
  const auto server_context = server();
  const auto broken = server_context.accept(kServerAddress, kClientAddress);
  broken->receive(as_bytes("GET / HTTP/1.1\r\nHost: server.example.test\r\n\r\n"));
  CHECK(read_all(*broken).empty());
  REQUIRE(broken->is_failed());
  CHECK_FALSE(broken->failure().empty());
  broken->receive(as_bytes("more"));
  broken->send(as_bytes("more"));
  CHECK(read_all(*broken).empty());

  const auto client_context = client(trusted("server.example.test"));
  const Talk talk(client_context, server_context);
  CHECK(talk.client->is_open());
}

class Minter final : public TlsIdentitySource {
 public:
  TlsIdentity pick(const std::string& name, const SocketAddress& local,
                   const SocketAddress& client) override {
    asked.push_back(name + " " + local.to_text() + " " + client.to_text());
    if (name == "refused.example.test") {
      return {};
    }
    made = make_certificate(name.empty() ? "IP:" + local.address().to_text() : "DNS:" + name);
    return {made.certificate.get(), made.key.get(), {}};
  }
  test::TestCertificate made;
  std::vector<std::string> asked;
};

TEST_CASE_METHOD(Fixture, "a source picks the certificate by the name that is asked for", "[net][tls]") {
  Minter minter;
  auto server_context = TlsContext::server(minter, {"h2"});
  REQUIRE(server_context);
  const auto named = client(trusted("Evil.example.test"));
  const Talk by_name(named, *server_context);
  CHECK(minter.asked.at(0) == "evil.example.test 192.0.2.1:443 198.51.100.7:50000");
  CHECK(by_name.client->failure() == "self-signed certificate");  // minted for the name, by nobody we trust

  const auto nameless = client(trusted("192.0.2.1"));
  const Talk by_address(nameless, *server_context);
  CHECK(minter.asked.at(1) == " 192.0.2.1:443 198.51.100.7:50000");

  const auto refused = client(trusted("refused.example.test"));
  const Talk refusal(refused, *server_context);
  CHECK(refusal.server->is_failed());
  CHECK(refusal.client->is_failed());
}

TEST_CASE_METHOD(Fixture, "a reload shows the new certificate, and a bad one changes nothing", "[net][tls]") {
  auto server_context = server();
  const auto next = make_certificate("DNS:server.example.test");
  const CertificateFiles next_files(next);
  const auto old_pin = client({"", "", {certificate.spki_pin()}, {}});
  const auto new_pin = client({"", "", {next.spki_pin()}, {}});

  const auto mixed = server_context.reload(next_files.certificate(), files.key(), {});
  REQUIRE_FALSE(mixed);
  CHECK_FALSE(server_context.reload("/nonexistent", next_files.key(), {}));
  CHECK(Talk(old_pin, server_context).client->is_open());

  REQUIRE(server_context.reload(next_files.certificate(), next_files.key(), {}));
  CHECK(Talk(new_pin, server_context).client->is_open());
}

TEST_CASE_METHOD(Fixture, "a server that wants certificates lets nobody in who shows none", "[net][tls]") {
  auto strict =
      TlsContext::server(files.certificate(), files.key(), {}, nullptr, {.ca_file = files.certificate()});
  REQUIRE(strict);
  TlsClientTrust trust;
  trust.ca_file = files.certificate();
  trust.host_name = "server.example.test";
  const TlsContext asker = client(trust);
  const Talk talk(asker, *strict);
  CHECK(talk.server->is_failed());
  CHECK_FALSE(talk.server->is_open());
  REQUIRE(strict->reload(files.certificate(), files.key(), {.ca_file = files.certificate()}));
  CHECK(Talk(asker, *strict).server->is_failed());
  CHECK_FALSE(strict->reload(files.certificate(), files.key(), {.ca_file = "/nonexistent/ca.pem"}));
  CHECK(Talk(asker, *strict).server->is_failed());  // a bad file changes nothing
  REQUIRE(strict->reload(files.certificate(), files.key(), {}));
  CHECK(Talk(asker, *strict).server->is_open());
  CHECK_FALSE(
      TlsContext::server(files.certificate(), files.key(), {}, nullptr, {.ca_file = "/nonexistent/ca.pem"}));
}

TEST_CASE_METHOD(Fixture, "a server that asks for certificates lets in who shows none, as nobody",
                 "[net][tls]") {
  const auto asks = TlsContext::server(files.certificate(), files.key(), {}, nullptr,
                                       {.ca_file = files.certificate(), .demands = false});
  REQUIRE(asks);
  const auto client_context = client(trusted("server.example.test"));
  const Talk talk(client_context, *asks);
  REQUIRE(talk.server->is_open());
  CHECK_FALSE(talk.server->has_client_certificate());
  CHECK(talk.server->client_name().empty());
}

TEST_CASE("files that cannot be used are named", "[net][tls]") {
  const auto missing = TlsContext::server("/nonexistent/certificate.pem", "/nonexistent/key.pem", {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("/nonexistent/certificate.pem") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a pipe where a certificate belongs is an error, and nobody waits for its writer",
                 "[net][tls]") {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_FALSE(TlsContext::client({pipe, "dns.example", {}, {}}));
  CHECK_FALSE(TlsContext::server(pipe, pipe, {}));
  CHECK_FALSE(certificate_end(pipe));
  const auto with_client_ca = [&](const std::string& file) {
    return TlsContext::server(files.certificate(), files.key(), {}, nullptr, {.ca_file = file});
  };
  CHECK(with_client_ca(files.certificate()));
  const auto refused = with_client_ca(pipe);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == pipe + ": not a file");
}

}  // namespace

}  // namespace cenote::tls_test
