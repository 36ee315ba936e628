#include "tests/support/test_certificate.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace cenote::test {

TestCertificate make_certificate(const std::string& names) {
  TestCertificate made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* subject = X509_get_subject_name(certificate);
  const std::string common_name = "test";
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_EXTENSION* san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(certificate, san, -1);
  X509_EXTENSION_free(san);
  if (X509_sign(certificate, made.key.get(), EVP_sha256()) == 0) {
    throw std::runtime_error("the test certificate could not be signed");
  }
  return made;
}

std::string TestCertificate::spki_pin() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  std::array<unsigned char, 32> digest{};
  EVP_Digest(der, static_cast<size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  std::array<unsigned char, 64> text{};
  const int text_size = EVP_EncodeBlock(text.data(), digest.data(), digest.size());
  return {text.begin(), text.begin() + text_size};
}

CertificateFiles::CertificateFiles(const TestCertificate& pair) {
  std::string pattern = (std::filesystem::temp_directory_path() / "cenote_test.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  folder_ = pattern;
  FILE* certificate_file = std::fopen(certificate().c_str(), "w");
  PEM_write_X509(certificate_file, pair.certificate.get());
  std::fclose(certificate_file);
  FILE* key_file = std::fopen(key().c_str(), "w");
  PEM_write_PrivateKey(key_file, pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(key_file);
}

CertificateFiles::~CertificateFiles() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace cenote::test
