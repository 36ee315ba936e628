#include "resolver/net/self_signed.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <sys/stat.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "resolver/base/address.h"
#include "resolver/base/files.h"
#include "resolver/net/x509_fields.h"

namespace cenote {
namespace {

using std::chrono::hours;

constexpr auto kLifetime = hours(24 * 365 * 5);
constexpr auto kRenewBefore = hours(24 * 60);
constexpr auto kClockSkew = hours(1);  // of clients whose clock is behind

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open_file(const std::string& path) {
  return {is_no_file(path) ? nullptr : std::fopen(path.c_str(), "re"), &std::fclose};
}

X509Ptr read_certificate(const std::string& path) {
  const File file = open_file(path);
  X509Ptr certificate(file ? PEM_read_X509(file.get(), nullptr, nullptr, nullptr) : nullptr);
  take_openssl_error();
  return certificate;
}

PkeyPtr read_key(const std::string& path) {
  const File file = open_file(path);
  PkeyPtr key(file ? PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr) : nullptr);
  take_openssl_error();
  return key;
}

bool is_good(const X509Ptr& certificate, const PkeyPtr& key, WallTime now) {
  std::tm begin{};
  std::tm end{};
  // One that is yet to begin was made while the clock was wrong.
  return certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1 &&
         ASN1_TIME_to_tm(X509_get0_notBefore(certificate.get()), &begin) == 1 &&
         WallTime(seconds(timegm(&begin))) <= now &&
         ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) == 1 &&
         WallTime(seconds(timegm(&end))) - now > kRenewBefore;
}

// Names come from the host and the configuration; what the notation could misread is left out.
std::string alternative_names(const std::vector<std::string>& names) {
  std::string text = "DNS:cenote.invalid";
  for (const std::string& name : names) {
    const bool is_address = IpAddress::from_text(name).has_value();
    if (!name.empty() && name.find_first_of(",=\n; ") == std::string::npos) {
      text += (is_address ? ",IP:" : ",DNS:") + name;
    }
  }
  return text;
}

X509Ptr make_certificate(const PkeyPtr& key, const std::vector<std::string>& names, WallTime now) {
  X509Ptr made(X509_new());
  X509* x = made.get();
  const bool done = x != nullptr && X509_set_version(x, X509_VERSION_3) == 1 && set_random_serial(x) &&
                    set_validity(x, now - kClockSkew, now + kLifetime) &&
                    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                               reinterpret_cast<const unsigned char*>("Cenote encrypted DNS"),
                                               -1, -1, 0) == 1 &&
                    X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
                    X509_set_pubkey(x, key.get()) == 1 &&
                    add_extension(x, x, NID_basic_constraints, "critical,CA:false") &&
                    add_extension(x, x, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(x, x, NID_ext_key_usage, "serverAuth") &&
                    add_extension(x, x, NID_subject_alt_name, alternative_names(names).c_str()) &&
                    X509_sign(x, key.get(), EVP_sha256()) > 0;
  return done ? std::move(made) : nullptr;
}

}  // namespace

Result<SelfSigned> self_signed_pair(const std::string& folder, const std::vector<std::string>& names,
                                    WallTime now) {
  SelfSigned pair{folder + "/dns.crt", folder + "/dns.key", {}, false};
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    return fail("{}: {}", folder, failed.message());
  }
  PkeyPtr key = read_key(pair.key_file);
  X509Ptr certificate = read_certificate(pair.certificate_file);
  if (!is_good(certificate, key, now)) {
    // First the key, which stays: clients have pinned it.
    if (key == nullptr) {
      if (std::filesystem::exists(pair.key_file, failed)) {
        return fail("{}: no private key in PEM", pair.key_file);
      }
      key = make_p256_key();
      if (auto written = write_file(pair.key_file, to_pem(key), S_IRUSR | S_IWUSR); !written) {
        return written.error();
      }
    }
    certificate = make_certificate(key, names, now);
    if (certificate == nullptr) {
      return fail("{}: cannot make a certificate ({})", pair.certificate_file, take_openssl_error());
    }
    if (auto written =
            write_file(pair.certificate_file, to_pem(certificate), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
        !written) {
      return written.error();
    }
    pair.is_new = true;
  }
  pair.pin = spki_pin(certificate.get());
  return pair;
}

}  // namespace cenote
