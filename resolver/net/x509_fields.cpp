#include "resolver/net/x509_fields.h"

#include <array>
#include <chrono>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "resolver/base/bytes.h"

namespace cenote {
namespace {

template <typename Write>
std::string written_as_pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  char* text = nullptr;
  if (memory == nullptr || write(memory.get()) != 1) {
    return {};
  }
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<size_t>(size)};
}

}  // namespace

void X509Free::operator()(x509_st* certificate) const noexcept {
  X509_free(certificate);
}
void PkeyFree::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

bool set_random_serial(x509_st* certificate) {
  // The first bit is one, so the number never shrinks to fewer bytes.
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_new(), &BN_free);
  return number != nullptr && BN_rand(number.get(), 128, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(x509_st* certificate, WallTime from, WallTime until) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), unix_seconds(from)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), unix_seconds(until)) != nullptr;
}

bool add_extension(x509_st* certificate, x509_st* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

PkeyPtr make_p256_key() {
  return PkeyPtr(EVP_EC_gen("P-256"));
}

std::string to_pem(const X509Ptr& certificate) {
  return written_as_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
}

std::string to_pem(const PkeyPtr& key) {
  return written_as_pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string spki_pin(x509_st* certificate) {
  uint8_t* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) {
    return {};
  }
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_size = 0;
  EVP_Digest(der, static_cast<size_t>(size), digest.data(), &digest_size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  std::array<uint8_t, 2 * EVP_MAX_MD_SIZE> text{};
  const int text_size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest_size));
  return std::string(as_text(Bytes(text).first(static_cast<size_t>(text_size))));
}

std::string subject_name(x509_st* certificate) {
  const auto text_of = [](const ASN1_STRING* text) {
    return std::string(as_text({ASN1_STRING_get0_data(text), static_cast<size_t>(ASN1_STRING_length(text))}));
  };
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (const int kind : {GEN_DNS, GEN_EMAIL}) {
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
      if (name->type == kind) {
        return text_of(name->d.ia5);  // both kinds are IA5 strings
      }
    }
  }
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return at < 0 ? std::string() : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) {
    return "unknown reason";
  }
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace cenote
