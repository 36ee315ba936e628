#include <algorithm>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "resolver/base/files.h"
#include "resolver/net/digest.h"
#include "resolver/net/tls.h"
#include "resolver/net/x509_fields.h"

namespace cenote {
namespace {

constexpr std::string_view kNoFile = "not a file";

struct ContextFree {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;
struct SessionFree {
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};

// RFC 7301 section 3.1: each name behind its length.
std::string alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

// What the authorities' file held.
struct Believed {
  std::array<uint8_t, 32> mark{};  // a hash of it all
  bool has_revocations = false;
};

Believed believed_in(X509_STORE* store) {
  Believed believed;
  std::string all("cenote");
  const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    const X509_OBJECT* object = sk_X509_OBJECT_value(objects, i);
    std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (const X509_CRL* list = X509_OBJECT_get0_X509_CRL(object)) {
      believed.has_revocations = true;
      X509_CRL_digest(list, EVP_sha256(), digest.data(), &size);
    } else {
      X509_digest(X509_OBJECT_get0_X509(object), EVP_sha256(), digest.data(), &size);
    }
    all += as_text(Bytes(digest).first(size));
  }
  believed.mark = sha256(all);
  return believed;
}

bool ask_for_certificates(SSL_CTX* context, const TlsClientAuthority& clients) {
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(clients.ca_file.c_str());
  if (names == nullptr) {
    return false;
  }
  SSL_CTX_set_client_CA_list(context, names);  // which takes it over
  if (SSL_CTX_load_verify_file(context, clients.ca_file.c_str()) != 1) {
    return false;
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  const Believed believed = believed_in(store);
  if (believed.has_revocations) {
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (clients.demands ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  // No session is taken up that other authorities or revocations have let in; without a mark none would be.
  const auto& mark = believed.mark;
  return SSL_CTX_set_session_id_context(context, mark.data(), static_cast<unsigned>(mark.size())) == 1;
}

}  // namespace

struct TlsContext::State {
  ContextPtr context;
  std::string alpn;  // as on the wire
  TlsIdentitySource* source = nullptr;
  std::shared_ptr<TicketKeys> tickets;  // servers
  TlsClientTrust trust;
  // The newest ticket of this peer, for the next connection. Taken out when used: a ticket that is used twice
  // lets an observer link the two (RFC 8446 appendix C.4).
  std::unique_ptr<SSL_SESSION, SessionFree> ticket;

  static ContextPtr make(const SSL_METHOD* method) {
    ContextPtr made(SSL_CTX_new(method));
    SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(made.get(),
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Idle connections give their 34 KiB of record buffers back.
    SSL_CTX_set_mode(made.get(), SSL_MODE_RELEASE_BUFFERS);
    // One record a call: a flood of key updates must not be worked through in one (TlsSession::read).
    SSL_CTX_clear_mode(made.get(), SSL_MODE_AUTO_RETRY);
    return made;
  }
  ContextPtr make_server();

  static int pick_identity(SSL* ssl, void* argument);
  static int select_alpn(SSL* ssl, const uint8_t** out, uint8_t* out_size, const uint8_t* offered,
                         unsigned size, void* argument);
  static int verify(X509_STORE_CTX* store, void* argument);
  static int keep_ticket(SSL* ssl, SSL_SESSION* session);
  static int seal_or_open(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                          int seals);
};

ContextPtr TlsContext::State::make_server() {
  ContextPtr made = make(TLS_server_method());
  SSL_CTX_set_ex_data(made.get(), 0, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(made.get(), &State::seal_or_open);
  SSL_CTX_set_timeout(made.get(), std::chrono::seconds(TicketKeys::kOpens - TicketKeys::kSeals).count());
  if (!alpn.empty()) {
    SSL_CTX_set_alpn_select_cb(made.get(), &State::select_alpn, this);
  }
  if (source != nullptr) {
    SSL_CTX_set_cert_cb(made.get(), &State::pick_identity, this);
  }
  return made;
}

int TlsContext::State::pick_identity(SSL* ssl, void* argument) {
  auto& state = *static_cast<State*>(argument);
  const auto& session = *static_cast<TlsSession*>(SSL_get_ex_data(ssl, 0));
  const TlsIdentity identity = state.source->pick(session.server_name(), session.local_, session.client_);
  if (identity.certificate == nullptr || SSL_use_certificate(ssl, identity.certificate) != 1 ||
      SSL_use_PrivateKey(ssl, identity.key) != 1) {
    return 0;
  }
  return std::all_of(identity.chain.begin(), identity.chain.end(),
                     [ssl](X509* link) { return SSL_add1_chain_cert(ssl, link) == 1; })
             ? 1
             : 0;
}

int TlsContext::State::select_alpn(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* offered,
                                   unsigned size, void* argument) {
  const std::string& ours = static_cast<State*>(argument)->alpn;
  uint8_t* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const uint8_t*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, size);
  *out = chosen;
  // RFC 7301 section 3.2: nothing in common ends the handshake, so that no protocol is taken for another.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int TlsContext::State::verify(X509_STORE_CTX* store, void* argument) {
  const auto& pins = static_cast<State*>(argument)->trust.spki_pins;
  if (pins.empty()) {
    return X509_verify_cert(store);
  }
  const bool pinned =
      std::find(pins.begin(), pins.end(), spki_pin(X509_STORE_CTX_get0_cert(store))) != pins.end();
  X509_STORE_CTX_set_error(store, pinned ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
  return pinned ? 1 : 0;
}

int TlsContext::State::keep_ticket(SSL* ssl, SSL_SESSION* session) {
  auto* state = static_cast<State*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0));
  state->ticket.reset(session);
  return 1;  // the reference is ours now
}

// 1: go on; 0: an unknown key, so a full handshake (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)).
int TlsContext::State::seal_or_open(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher,
                                    EVP_MAC_CTX* mac, int seals) {
  TicketKeys& tickets = *static_cast<State*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0))->tickets;
  std::optional<TicketKeys::Key> key;
  if (seals != 0) {
    key = tickets.to_seal(mono_now());
    std::copy(key->name.begin(), key->name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) {
      return -1;
    }
  } else {
    key = tickets.to_open({name, std::tuple_size_v<decltype(TicketKeys::Key::name)>}, mono_now());
    if (!key) {
      return 0;
    }
  }
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac.data(), key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  const bool ready =
      EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 &&
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, seals) == 1;
  return ready ? 1 : -1;
}

TlsContext::TlsContext(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

Result<TlsContext> TlsContext::server(const std::string& certificate_file, const std::string& key_file,
                                      const std::vector<std::string>& alpn,
                                      std::shared_ptr<TicketKeys> tickets,
                                      const TlsClientAuthority& clients) {
  auto state = std::make_unique<State>();
  state->alpn = alpn_wire(alpn);
  state->tickets = tickets ? std::move(tickets) : std::make_shared<TicketKeys>();
  TlsContext context(std::move(state));
  if (auto loaded = context.reload(certificate_file, key_file, clients); !loaded) {
    return loaded.error();
  }
  return context;
}

Result<TlsContext> TlsContext::server(TlsIdentitySource& source, const std::vector<std::string>& alpn) {
  auto state = std::make_unique<State>();
  state->alpn = alpn_wire(alpn);
  state->source = &source;
  state->tickets = std::make_shared<TicketKeys>();
  state->context = state->make_server();
  return TlsContext(std::move(state));
}

Result<TlsContext> TlsContext::client(TlsClientTrust trust) {
  if (trust.host_name.empty() && trust.spki_pins.empty()) {
    return fail("TLS needs the name that the server must show, or a pin");
  }
  auto state = std::make_unique<State>();
  state->context = State::make(TLS_client_method());
  SSL_CTX* context = state->context.get();
  if (is_no_file(trust.ca_file)) {
    return fail("CA file {}: {}", trust.ca_file, kNoFile);
  }
  const int loaded = trust.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                           : SSL_CTX_load_verify_file(context, trust.ca_file.c_str());
  if (loaded != 1) {
    return fail("CA file {}: {}", trust.ca_file, take_openssl_error());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &State::verify, state.get());
  SSL_CTX_set_ex_data(context, 0, state.get());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &State::keep_ticket);
  const std::string alpn = alpn_wire(trust.alpn);
  if (!alpn.empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const uint8_t*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
  }
  state->trust = std::move(trust);
  return TlsContext(std::move(state));
}

// Into a context of its own, so that a bad pair leaves the good one in use, and no certificate of another key
// type stays behind. Sessions hold the context that they began with.
Result<void> TlsContext::reload(const std::string& certificate_file, const std::string& key_file,
                                const TlsClientAuthority& clients) {
  for (const std::string& file : {certificate_file, key_file, clients.ca_file}) {
    if (is_no_file(file)) {
      return fail("{}: {}", file, kNoFile);
    }
  }
  ContextPtr renewed = state_->make_server();
  if (SSL_CTX_use_certificate_chain_file(renewed.get(), certificate_file.c_str()) != 1) {
    return fail("certificate {}: {}", certificate_file, take_openssl_error());
  }
  if (SSL_CTX_use_PrivateKey_file(renewed.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail("key {}: {}", key_file, take_openssl_error());
  }
  if (SSL_CTX_check_private_key(renewed.get()) != 1) {
    take_openssl_error();
    return fail("key {} does not belong to certificate {}", key_file, certificate_file);
  }
  if (!clients.ca_file.empty() && !ask_for_certificates(renewed.get(), clients)) {
    return fail("client CA {}: {}", clients.ca_file, take_openssl_error());
  }
  state_->context = std::move(renewed);
  return {};
}

std::unique_ptr<TlsSession> TlsContext::accept(const SocketAddress& local,
                                               const SocketAddress& client) const {
  std::unique_ptr<TlsSession> session(new TlsSession(state_->context.get()));
  session->local_ = local;
  session->client_ = client;
  SSL_set_accept_state(session->ssl_.get());
  return session;
}

std::unique_ptr<TlsSession> TlsContext::connect() const {
  std::unique_ptr<TlsSession> session(new TlsSession(state_->context.get()));
  SSL* ssl = session->ssl_.get();
  const std::string& host = state_->trust.host_name;
  if (IpAddress::from_text(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
                                  host.c_str());  // RFC 6066 section 3: no address as SNI
  } else if (!host.empty()) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, host.c_str());
    // The macro for this has an old-style cast.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  }
  if (const auto ticket = std::move(state_->ticket)) {
    SSL_set_session(ssl, ticket.get());
  }
  SSL_set_connect_state(ssl);
  return session;
}

}  // namespace cenote
