// Self-signed certificates for tests, made on the spot: nothing that expires is kept in the tree.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace cenote::test {

struct TestCertificate {
  std::unique_ptr<X509, decltype(&X509_free)> certificate{nullptr, &X509_free};
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, &EVP_PKEY_free};

  [[nodiscard]] std::string spki_pin() const;  // base64 SHA-256
};

// `names` as OpenSSL writes subjectAltName: "DNS:server.example.test,IP:127.0.0.1".
TestCertificate make_certificate(const std::string& names);

// The pair as PEM files in a folder of its own, removed with this.
class CertificateFiles {
 public:
  explicit CertificateFiles(const TestCertificate& pair);
  ~CertificateFiles();
  CertificateFiles(const CertificateFiles&) = delete;
  CertificateFiles& operator=(const CertificateFiles&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string certificate() const { return folder_ + "/certificate.pem"; }
  [[nodiscard]] std::string key() const { return folder_ + "/key.pem"; }

 private:
  std::string folder_;
};

}  // namespace cenote::test
