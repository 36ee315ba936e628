#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "resolver/base/text.h"
#include "resolver/net/tls.h"
#include "resolver/net/x509_fields.h"

namespace cenote {

void TlsSession::Free::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

TlsSession::TlsSession(ssl_ctx_st* context)
    : ssl_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_ex_data(ssl_.get(), 0, this);
  SSL_set_msg_callback(ssl_.get(),
                       [](int is_sent, int, int content_type, const void*, size_t, SSL*, void* self) {
                         if (is_sent == 0) {
                           static_cast<TlsSession*>(self)->on_message(content_type);
                         }
                       });
  SSL_set_msg_callback_arg(ssl_.get(), this);
}

TlsSession::~TlsSession() = default;

void TlsSession::receive(Bytes cipher_text) {
  if (!is_failed()) {
    BIO_write(in_, cipher_text.data(), static_cast<int>(cipher_text.size()));
  }
}

size_t TlsSession::read(MutableBytes plain) {
  if (state_ == State::kHandshake && !advance_handshake()) {
    return 0;
  }
  if (state_ != State::kOpen) {
    return 0;
  }
  // OpenSSL comes back after each record without data (SSL_MODE_AUTO_RETRY is off), so that none of them is
  // worked through unseen.
  do {
    ERR_clear_error();
    size_t size = 0;
    const int result = SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &size);
    if (result == 1) {
      return size;
    }
    note(result);
    if (late_messages_ > kMostLateMessages) {
      fail_with("too many handshake messages after the handshake");
    }
  } while (state_ == State::kOpen && BIO_pending(in_) > 0);
  return 0;
}

void TlsSession::on_message(int content_type) noexcept {
  late_messages_ += state_ == State::kOpen && content_type == SSL3_RT_HANDSHAKE ? 1 : 0;
}

bool TlsSession::advance_handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    note(result);
    return false;
  }
  state_ = State::kOpen;
  const std::vector<uint8_t> early = std::move(early_);
  early_ = {};
  send(early);
  return state_ == State::kOpen;
}

void TlsSession::send(Bytes plain) {
  if (state_ == State::kHandshake) {
    early_.insert(early_.end(), plain.begin(), plain.end());
    return;
  }
  while (!plain.empty() && !is_failed()) {
    ERR_clear_error();
    size_t size = 0;
    const int result = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &size);
    if (result != 1) {
      note(result);
      if (!is_failed()) {
        // A memory BIO always takes what is written, so there is nothing to wait for.
        fail_with("a record could not be written");
      }
      return;
    }
    plain = plain.subspan(size);
  }
}

void TlsSession::close() {
  if (is_open()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
}

Bytes TlsSession::output() const {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out_, &bytes);
  return {reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size)};
}

void TlsSession::clear_output() {
  if (BIO_pending(out_) > 0) {
    BIO_reset(out_);
  }
}

void TlsSession::note(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return;
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::kClosedByPeer;
      return;
    default:
      break;
  }
  const long verified = SSL_get_verify_result(ssl_.get());
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  if (!SSL_is_server(ssl_.get()) && verified != X509_V_OK) {
    fail_with(X509_verify_cert_error_string(verified));
  } else {
    fail_with(reason != nullptr ? reason : "protocol error");
  }
  ERR_clear_error();  // The queue is the thread's: the next session must not read our errors as its own.
}

void TlsSession::fail_with(std::string_view what) {
  state_ = State::kFailed;
  failure_ = what;
}

bool TlsSession::is_open() const {
  return state_ == State::kOpen || state_ == State::kClosedByPeer;
}

std::string TlsSession::alpn() const {
  const uint8_t* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return std::string(as_text({name, size}));
}

std::string TlsSession::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string() : to_lower(name);
}

bool TlsSession::has_client_certificate() const {
  return is_open() && SSL_get0_peer_certificate(ssl_.get()) != nullptr &&
         SSL_get_verify_result(ssl_.get()) == X509_V_OK;
}

std::string TlsSession::client_name() const {
  return has_client_certificate() ? subject_name(SSL_get0_peer_certificate(ssl_.get())) : std::string();
}

bool TlsSession::is_resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

}  // namespace cenote
