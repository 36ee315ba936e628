// TLS 1.2 and 1.3 as bytes in, bytes out (RFC 8446): contexts hold certificates and trust, sessions hold one
// connection. No sockets: Stream carries the bytes. OpenSSL behind it, with memory BIOs. A context and its
// sessions belong to one loop's thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/address.h"
#include "resolver/base/bytes.h"
#include "resolver/base/result.h"
#include "resolver/net/tls_tickets.h"

struct bio_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace cenote {

// One TLS connection, either side. After a failure every call is a no-op, but for output(), which may hold
// the alert.
class TlsSession {
 public:
  static constexpr size_t kMaxRecord = 16 * 1024;  // RFC 8446 section 5.1: a record's plain text
  // Handshake messages that one side may send after the handshake: KeyUpdate and, from a server, tickets.
  // Each costs us key derivations (some 60 us); a good peer sends one for many gigabytes, and tickets at the
  // start.
  static constexpr unsigned kMostLateMessages = 16;

  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  void receive(Bytes cipher_text);
  // Decrypts into `plain`; 0: nothing more for now. Also takes the handshake forward: call it until it gives
  // 0, once at the start of a client too.
  size_t read(MutableBytes plain);
  void send(Bytes plain);  // kept until the handshake is done
  void close();            // close_notify
  // What is to be sent. Holds until the next call of anything else here.
  [[nodiscard]] Bytes output() const;
  void clear_output();

  [[nodiscard]] bool is_open() const;  // the handshake is done, and nothing has failed
  [[nodiscard]] bool is_closed_by_peer() const noexcept { return state_ == State::kClosedByPeer; }
  [[nodiscard]] bool is_failed() const noexcept { return state_ == State::kFailed; }
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] size_t kept_bytes() const noexcept {
    return early_.size();
  }  // sent before the handshake was done

  [[nodiscard]] std::string alpn() const;         // "h2"; empty when none was agreed
  [[nodiscard]] std::string server_name() const;  // SNI in lower case; empty without
  [[nodiscard]] bool is_resumed() const;
  // A server's client that showed a good certificate, once the handshake is done.
  [[nodiscard]] bool has_client_certificate() const;
  [[nodiscard]] std::string client_name() const;  // in that certificate; may be empty

 private:
  friend class TlsContext;
  enum class State : uint8_t { kHandshake, kOpen, kClosedByPeer, kFailed };

  explicit TlsSession(ssl_ctx_st* context);
  bool advance_handshake();
  // Called by OpenSSL for each message that came.
  void on_message(int content_type) noexcept;
  void note(int result);
  void fail_with(std::string_view what);

  struct Free {
    void operator()(ssl_st* ssl) const noexcept;
  };
  std::unique_ptr<ssl_st, Free> ssl_;
  bio_st* in_ = nullptr;   // owned by ssl_
  bio_st* out_ = nullptr;  // owned by ssl_
  State state_ = State::kHandshake;
  unsigned late_messages_ = 0;  // handshake messages that came after the handshake
  std::vector<uint8_t> early_;
  std::string failure_;
  SocketAddress local_;  // for the certificate source
  SocketAddress client_;
};

// What a server shows for one name. Borrowed: the session takes its own references.
struct TlsIdentity {
  x509_st* certificate = nullptr;
  evp_pkey_st* key = nullptr;
  std::vector<x509_st*> chain;  // what follows the certificate, without the root
};

// Picks a certificate while the handshake runs, e.g. one minted for the name.
class TlsIdentitySource {
 public:
  // `server_name` is in lower case and empty without SNI. An identity without certificate refuses the
  // handshake.
  virtual TlsIdentity pick(const std::string& server_name, const SocketAddress& local,
                           const SocketAddress& client) = 0;

 protected:
  ~TlsIdentitySource() = default;
};

struct TlsClientTrust {
  std::string ca_file;    // PEM; empty: the system's store
  std::string host_name;  // checked against the certificate (a name or an address); also sent as SNI
  std::vector<std::string> spki_pins;  // base64 SHA-256 of the SubjectPublicKeyInfo (RFC 7858 section 4.2)
  std::vector<std::string> alpn;
};

// Whose clients' certificates a server believes.
struct TlsClientAuthority {
  // PEM; empty: no certificate is asked for. With a revocation list (CRL) in it, no certificate of an
  // authority without a valid one is believed.
  std::string ca_file;
  bool demands = true;  // a certificate signed by it, or no connection; else none will do, but no bad one
};

class TlsContext {
 public:
  // `alpn` in order of preference. Files in PEM, the certificate file with its chain. `tickets`: shared with
  // the contexts of other loops on the same address; without, the context has its own.
  static Result<TlsContext> server(const std::string& certificate_file, const std::string& key_file,
                                   const std::vector<std::string>& alpn,
                                   std::shared_ptr<TicketKeys> tickets = nullptr,
                                   const TlsClientAuthority& clients = {});
  static Result<TlsContext> server(TlsIdentitySource& source, const std::vector<std::string>& alpn);
  // A peer that shows a pinned key is trusted by that alone; without pins the chain and host_name must hold.
  static Result<TlsContext> client(TlsClientTrust trust);

  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;
  ~TlsContext();

  // Reads the files again: sessions that run keep what they have, but none is resumed that another content of
  // the authority's file has let in. On error everything stays.
  Result<void> reload(const std::string& certificate_file, const std::string& key_file,
                      const TlsClientAuthority& clients);

  [[nodiscard]] std::unique_ptr<TlsSession> accept(const SocketAddress& local,
                                                   const SocketAddress& client) const;
  [[nodiscard]] std::unique_ptr<TlsSession> connect() const;

 private:
  struct State;  // at a fixed address, for OpenSSL's callbacks
  explicit TlsContext(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace cenote
