#include "blockpage/authority.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "resolver/base/files.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"
#include "resolver/net/x509_fields.h"

namespace cenote {
namespace {

using std::chrono::hours;

constexpr auto kLifetime = hours(24 * 365 * 10);
constexpr auto kWarnBefore = hours(24 * 30);
constexpr auto kClockSkew = hours(1);  // of clients whose clock is behind
constexpr size_t kMaxNameChars = 64;   // ub-common-name and ub-organization-name, RFC 5280 appendix A.1

struct BioFree {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

Error file_error(const std::string& path, int error) {
  return fail("{}: {}", path, std::strerror(error));
}

// A key with a pass phrase must fail: nobody sits at a daemon's terminal.
int no_pass_phrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) {
  return -1;
}

// OpenSSL's own file errors do not name the file.
Result<BioPtr> open_pem(const std::string& path) {
  if (is_no_file(path)) {
    return fail("{}: not a file", path);
  }
  BioPtr file(BIO_new_file(path.c_str(), "r"));
  const int error = errno;
  ERR_clear_error();
  if (file == nullptr) {
    return file_error(path, error);
  }
  return file;
}

// At most `chars` characters of UTF-8.
std::string_view first_chars(std::string_view text, size_t chars) {
  size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool starts_char = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (starts_char && chars-- == 0) {
      break;
    }
  }
  return text.substr(0, end);
}

bool set_subject(X509_NAME* name, const std::string& organisation) {
  constexpr std::string_view kCommonName = "Cenote block page CA";
  const auto add = [name](const char* field, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
  };
  if (organisation.empty()) {
    return add("CN", std::string(kCommonName));
  }
  const std::string_view front = first_chars(organisation, kMaxNameChars - kCommonName.size() - 1);
  return add("O", std::string(first_chars(organisation, kMaxNameChars))) &&
         add("CN", fmt::format("{} {}", front, kCommonName));
}

// A root that may sign leaves and nothing else (RFC 5280 sections 4.2.1.3 and 4.2.1.9).
X509Ptr make_root(EVP_PKEY* key, const std::string& organisation, WallTime now) {
  X509Ptr root(X509_new());
  X509* x = root.get();
  const bool made = x != nullptr && X509_set_version(x, X509_VERSION_3) == 1 && set_random_serial(x) &&
                    set_validity(x, now - kClockSkew, now + kLifetime) &&
                    set_subject(X509_get_subject_name(x), organisation) &&
                    X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 && X509_set_pubkey(x, key) == 1 &&
                    add_extension(x, x, NID_basic_constraints, "critical,CA:true,pathlen:0") &&
                    add_extension(x, x, NID_key_usage, "critical,keyCertSign") &&
                    add_extension(x, x, NID_subject_key_identifier, "hash") &&
                    add_extension(x, x, NID_authority_key_identifier, "keyid:always") &&
                    X509_sign(x, key, EVP_sha256()) > 0;
  return made ? std::move(root) : nullptr;
}

Result<PkeyPtr> read_key(const std::string& path) {
  auto file = open_pem(path);
  if (!file) {
    return file.error();
  }
  PkeyPtr key(PEM_read_bio_PrivateKey(file->get(), nullptr, no_pass_phrase, nullptr));
  if (key == nullptr) {
    return fail("{}: no private key in PEM without a pass phrase ({})", path, take_openssl_error());
  }
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    log::warn("{}: others than its owner may use this key: set its mode to 0600", path);
  }
  return key;
}

Result<std::vector<X509Ptr>> read_certificates(const std::string& path) {
  auto file = open_pem(path);
  if (!file) {
    return file.error();
  }
  std::vector<X509Ptr> certificates;
  while (X509* next = PEM_read_bio_X509(file->get(), nullptr, no_pass_phrase, nullptr)) {
    certificates.emplace_back(next);
  }
  // The end of the file shows as "no start line"; anything else is a broken certificate.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = take_openssl_error();
  if (certificates.empty() || !at_end) {
    return fail("{}: no certificate in PEM ({})", path, error);
  }
  return certificates;
}

// First the key, then the certificate: a start that was cut between the two finds the key and goes on from
// there.
Result<void> make_files(const BlockpageSettings& settings, const std::string& certificate_file,
                        const std::string& key_file, WallTime now) {
  std::error_code error;
  std::filesystem::create_directories(settings.state_dir, error);
  if (error) {
    return fail("{}: {}", settings.state_dir, error.message());
  }
  PkeyPtr key;
  if (std::filesystem::exists(key_file)) {
    auto found = read_key(key_file);
    if (!found) {
      return found.error();
    }
    key = std::move(*found);
  } else {
    key = make_p256_key();
    if (auto written = write_file(key_file, to_pem(key), S_IRUSR | S_IWUSR); !written) {
      return written;
    }
  }
  const X509Ptr root = make_root(key.get(), printable(settings.organisation), now);
  if (root == nullptr) {
    return fail("{}: cannot make a certificate ({})", certificate_file, take_openssl_error());
  }
  return write_file(certificate_file, to_pem(root), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

std::optional<WallTime> wall_time(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) {
    return std::nullopt;
  }
  return WallTime(seconds(timegm(&utc)));
}

}  // namespace

Result<Authority> Authority::open(const BlockpageSettings& settings, WallTime now) {
  if (settings.ca_certificate.empty() != settings.ca_key.empty()) {
    return fail("blockpage.ca: {} is given without {}", settings.ca_key.empty() ? "certificate" : "key",
                settings.ca_key.empty() ? "key" : "certificate");
  }
  Authority authority;
  authority.certificate_file_ = settings.ca_certificate;
  std::string key_file = settings.ca_key;
  if (authority.certificate_file_.empty()) {
    authority.certificate_file_ = settings.state_dir + "/ca.crt";
    key_file = settings.state_dir + "/ca.key";
    if (!std::filesystem::exists(authority.certificate_file_)) {
      if (auto made = make_files(settings, authority.certificate_file_, key_file, now); !made) {
        return made.error().within("blockpage CA");
      }
      authority.is_new_ = true;
    }
  }
  if (auto loaded = authority.load(key_file, now); !loaded) {
    const Error error = loaded.error().within("blockpage CA");
    return settings.ca_certificate.empty() ? fail(
                                                 "{}. Cenote made this CA: take {} and {} from a backup, or "
                                                 "move both away for a new one, which "
                                                 "clients must import; then reload",
                                                 error.message, authority.certificate_file_, key_file)
                                           : error;
  }
  return authority;
}

Result<void> Authority::load(const std::string& key_file, WallTime now) {
  auto certificates = read_certificates(certificate_file_);
  if (!certificates) {
    return certificates.error();
  }
  auto key = read_key(key_file);
  if (!key) {
    return key.error();
  }
  key_ = std::move(*key);
  certificate_ = std::move(certificates->front());
  certificates->erase(certificates->begin());
  intermediates_ = std::move(*certificates);

  if (X509_check_ca(certificate_.get()) != 1 ||
      (X509_get_key_usage(certificate_.get()) & KU_KEY_CERT_SIGN) == 0) {
    return fail("{}: not the certificate of a CA (CA:TRUE and keyCertSign are needed)", certificate_file_);
  }
  if (X509_check_private_key(certificate_.get(), key_.get()) != 1) {
    ERR_clear_error();
    return fail("{}: the key of {} is another one", key_file, certificate_file_);
  }
  const auto end = wall_time(X509_get0_notAfter(certificate_.get()));
  if (!end || *end <= now) {
    return fail("{}: expired{}", certificate_file_, end ? " on " + to_rfc3339(*end) : "");
  }
  expires_ = *end;
  if (const auto begin = wall_time(X509_get0_notBefore(certificate_.get())); begin && *begin > now) {
    log::error("{}: begins on {} only: one of the clocks is wrong", certificate_file_, to_rfc3339(*begin));
  }
  if (expires_ - now < kWarnBefore) {
    log::warn("{}: expires on {}", certificate_file_, to_rfc3339(expires_));
  }
  if (X509_self_signed(certificate_.get(), 0) != 1) {
    chain_.push_back(certificate_.get());
    for (const X509Ptr& behind : intermediates_) {
      if (X509_self_signed(behind.get(), 0) != 1) {
        chain_.push_back(behind.get());
      }
    }
  }
  return {};
}

bool Authority::sign(x509_st* leaf) const {
  // Ed25519 and Ed448 hash by themselves and refuse a digest; every other key gets SHA-256.
  const bool own_hash = EVP_PKEY_is_a(key_.get(), "ED25519") == 1 || EVP_PKEY_is_a(key_.get(), "ED448") == 1;
  const bool signed_ = X509_sign(leaf, key_.get(), own_hash ? nullptr : EVP_sha256()) > 0;
  ERR_clear_error();
  return signed_;
}

}  // namespace cenote
